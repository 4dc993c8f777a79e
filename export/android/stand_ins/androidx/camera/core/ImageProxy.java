package androidx.camera.core;

public interface ImageProxy extends AutoCloseable {
    interface PlaneProxy {
        int getRowStride();
        java.nio.ByteBuffer getBuffer();
    }
    void close();
    android.graphics.Rect getCropRect();
    int getWidth();
    int getHeight();
    PlaneProxy[] getPlanes();
    ImageInfo getImageInfo();
}
