package com.google.mediapipe.tasks.vision.imagesegmenter;

import com.google.mediapipe.framework.image.MPImage;
import java.util.*;

public abstract class ImageSegmenterResult {
    public abstract Optional<List<MPImage>> confidenceMasks();
    public abstract Optional<MPImage> categoryMask();
}
