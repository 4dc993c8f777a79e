package com.google.mediapipe.tasks.core;

public abstract class BaseOptions {
    public static Builder builder() { return null; }
    public abstract static class Builder {
        public abstract Builder setModelAssetPath(String v);
        public abstract Builder setDelegate(Delegate d);
        public final BaseOptions build() { return null; }
    }
}
