package android.media;

public class ExifInterface {
    public static final String TAG_ORIENTATION = "Orientation";
    public ExifInterface(java.io.InputStream s) throws java.io.IOException {}
    public int getAttributeInt(String tag, int otherwise) { return 0; }
}
