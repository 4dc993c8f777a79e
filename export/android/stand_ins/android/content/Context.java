package android.content;

public abstract class Context {
    public abstract android.content.res.AssetManager getAssets();
    public abstract Context getApplicationContext();
    public abstract ContentResolver getContentResolver();
    public abstract String getPackageName();
    public abstract int checkSelfPermission(String p);
    public abstract void startActivity(Intent i);
    public final String getString(int id) { return null; }
    public final String getString(int id, Object... a) { return null; }
}
