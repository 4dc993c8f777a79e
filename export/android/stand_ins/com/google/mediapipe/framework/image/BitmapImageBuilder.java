package com.google.mediapipe.framework.image;

public class BitmapImageBuilder {
    public BitmapImageBuilder(android.graphics.Bitmap b) {}
    public MPImage build() { return null; }
}
