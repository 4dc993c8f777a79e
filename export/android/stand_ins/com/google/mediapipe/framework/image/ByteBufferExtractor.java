package com.google.mediapipe.framework.image;

public class ByteBufferExtractor {
    public static java.nio.ByteBuffer extract(MPImage i) { return null; }
}
