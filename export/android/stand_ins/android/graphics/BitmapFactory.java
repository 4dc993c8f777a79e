package android.graphics;

import org.jetbrains.annotations.Nullable;

public class BitmapFactory {
    public static class Options {
        public boolean inJustDecodeBounds;
        public int inSampleSize;
        public int outWidth;
        public int outHeight;
        public Bitmap.Config inPreferredConfig;
    }
    public static @Nullable Bitmap decodeStream(java.io.InputStream s, Rect padding, Options o) {
        return null;
    }
}
