package androidx.camera.core;

import java.util.concurrent.Executor;

public final class ImageAnalysis extends UseCase {
    public static final int STRATEGY_KEEP_ONLY_LATEST = 0;
    public static final int OUTPUT_IMAGE_FORMAT_RGBA_8888 = 2;
    public interface Analyzer {
        void analyze(ImageProxy image);
    }
    public void setAnalyzer(Executor e, Analyzer a) {}
    public static final class Builder {
        public Builder setTargetRotation(int r) { return this; }
        public Builder setBackpressureStrategy(int s) { return this; }
        public Builder setOutputImageFormat(int f) { return this; }
        public ImageAnalysis build() { return null; }
    }
}
