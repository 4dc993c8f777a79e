package androidx.camera.core;

public final class Preview extends UseCase {
    public interface SurfaceProvider {}
    public void setSurfaceProvider(SurfaceProvider p) {}
    public static final class Builder {
        public Builder setTargetRotation(int r) { return this; }
        public Preview build() { return null; }
    }
}
