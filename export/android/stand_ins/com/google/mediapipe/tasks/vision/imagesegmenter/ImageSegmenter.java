package com.google.mediapipe.tasks.vision.imagesegmenter;

import com.google.mediapipe.framework.image.MPImage;
import com.google.mediapipe.tasks.core.BaseOptions;
import com.google.mediapipe.tasks.vision.core.RunningMode;
import java.util.*;

public final class ImageSegmenter implements AutoCloseable {
    public static ImageSegmenter createFromOptions(android.content.Context c, ImageSegmenterOptions o) { return null; }
    public ImageSegmenterResult segment(MPImage i) { return null; }
    public List<String> getLabels() { return null; }
    public void close() {}
    public abstract static class ImageSegmenterOptions {
        public static Builder builder() { return null; }
        public abstract static class Builder {
            public abstract Builder setBaseOptions(BaseOptions v);
            public abstract Builder setRunningMode(RunningMode v);
            public abstract Builder setOutputConfidenceMasks(boolean v);
            public abstract Builder setOutputCategoryMask(boolean v);
            public final ImageSegmenterOptions build() { return null; }
        }
    }
}
