package androidx.camera.core;

public final class UseCaseGroup {
    public static final class Builder {
        public Builder setViewPort(ViewPort v) { return this; }
        public Builder addUseCase(UseCase u) { return this; }
        public UseCaseGroup build() { return null; }
    }
}
