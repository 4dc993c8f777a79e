dependencies {
    implementation("com.google.mediapipe:tasks-vision:0.10.29") // MediaPipeSegmenter
    implementation("com.google.ai.edge.litert:litert:2.3.0") // the two others
    implementation("com.google.ai.edge.litert:litert-gpu:2.3.0") // CompiledModelSegmenter
}

android {
    androidResources { noCompress += "tflite" } // MediaPipe and LiteRT map the file
}
