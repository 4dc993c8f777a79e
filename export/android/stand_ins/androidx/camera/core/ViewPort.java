package androidx.camera.core;

public final class ViewPort {
    public static final class Builder {
        public Builder(android.util.Rational aspect, int rotation) {}
        public ViewPort build() { return null; }
    }
}
