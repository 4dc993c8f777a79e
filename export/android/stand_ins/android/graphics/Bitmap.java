package android.graphics;

public final class Bitmap {
    public enum Config {
        ARGB_8888
    }
    public static Bitmap createBitmap(int[] c,int w,int h,Config k) { return null; }
    public static Bitmap createScaledBitmap(Bitmap b,int w,int h,boolean f) { return null; }
    public void getPixels(int[] p,int o,int s,int x,int y,int w,int h) {}
}
