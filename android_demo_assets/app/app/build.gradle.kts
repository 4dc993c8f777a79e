import javax.inject.Inject

plugins {
    alias(libs.plugins.android.application)
}

// -Pmodels=FOLDER takes files that `make android-assets` or you wrote elsewhere.
val models = rootDir.resolve(providers.gradleProperty("models").getOrElse(".."))

// -Pnpu packs what a file compiled for a Qualcomm NPU needs.
val npu = providers.gradleProperty("npu").isPresent

android {
    namespace = "com.example.segmentation"
    compileSdk = 36
    defaultConfig {
        applicationId = "com.example.segmentation"
        // LiteRT 2.3 and MediaPipe need 24, LiteRT's libraries for the NPU 31.
        minSdk = if (npu) 31 else 24
        targetSdk = 36
        versionCode = 1
        versionName = "1.0"
        if (npu) ndk { abiFilters += "arm64-v8a" }
    }
    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }
    // MediaPipe and LiteRT map the files into memory.
    androidResources { noCompress += "tflite" }
    // The NPU's libraries are opened by their path, so they must lie on the disk.
    packaging { jniLibs { useLegacyPackaging = npu } }
}

dependencies {
    implementation(libs.activity)
    implementation(libs.camera.camera2)
    implementation(libs.camera.lifecycle)
    implementation(libs.camera.view)
    implementation(libs.litert)
    implementation(libs.litert.gpu)
    implementation(libs.mediapipe.tasks.vision)
    implementation(libs.serialization.json)
    if (npu) {
        implementation(libs.litert.npu.qualcomm)
        implementation(libs.qnn.runtime)
    }
}

/** The models and their manifest, as assets of the app. */
abstract class CopyModels
@Inject
constructor(private val system: FileSystemOperations) :
    DefaultTask() {
    @get:InputFiles
    abstract val files: ConfigurableFileCollection

    @get:OutputDirectory
    abstract val output: DirectoryProperty

    @TaskAction
    fun copy() {
        check(files.any { it.name == "manifest.json" }) {
            "There is no manifest.json in the folder of the models: write it with `make android-assets`."
        }
        system.sync {
            from(files)
            into(output)
        }
    }
}

val copyModels =
    tasks.register<CopyModels>("copyModels") {
        val wanted = { file: File -> file.extension == "tflite" || file.name == "manifest.json" }
        files.from(models.listFiles(wanted).orEmpty())
    }

androidComponents {
    onVariants { it.sources.assets?.addGeneratedSourceDirectory(copyModels, CopyModels::output) }
}
