package com.example.segmentation

import android.util.Rational
import android.view.Surface
import androidx.activity.ComponentActivity
import androidx.camera.core.CameraSelector
import androidx.camera.core.ImageAnalysis
import androidx.camera.core.Preview
import androidx.camera.core.UseCaseGroup
import androidx.camera.core.ViewPort
import androidx.camera.lifecycle.ProcessCameraProvider
import androidx.camera.view.PreviewView

/** The camera at the back, or whatever one there is: frames for the preview and the model. */
class Camera(
    private val activity: ComponentActivity,
    private val view: PreviewView,
    private val frames: SegmentationThread,
) {
    private var provider: ProcessCameraProvider? = null
    private var wanted = false

    /** Both see the same part of the world, of the model's aspect. `failed` may come later. */
    fun start(model: Model, failed: (Exception) -> Unit) {
        wanted = true
        val found = ProcessCameraProvider.getInstance(activity)
        found.addListener({
            try {
                provider = found.get()
                if (wanted) bind(found.get(), model)
            } catch (error: Exception) {
                failed(error)
            }
        }, { view.post(it) }) // until the view is attached, it has no display
    }

    fun stop() {
        wanted = false
        provider?.unbindAll()
    }

    private fun bind(provider: ProcessCameraProvider, model: Model) {
        val rotation = view.display?.rotation ?: Surface.ROTATION_0
        val preview = Preview.Builder().setTargetRotation(rotation).build()
        preview.setSurfaceProvider(view.surfaceProvider)
        val analysis = ImageAnalysis.Builder()
            .setTargetRotation(rotation)
            .setBackpressureStrategy(ImageAnalysis.STRATEGY_KEEP_ONLY_LATEST)
            .setOutputImageFormat(ImageAnalysis.OUTPUT_IMAGE_FORMAT_RGBA_8888)
            .build()
        analysis.setAnalyzer(frames.executor, frames)
        val aspect = Rational(model.width, model.height)
        val together = UseCaseGroup.Builder()
            .setViewPort(ViewPort.Builder(aspect, rotation).build())
            .addUseCase(preview)
            .addUseCase(analysis)
            .build()
        val back = CameraSelector.DEFAULT_BACK_CAMERA
        val camera = if (provider.hasCamera(back)) back else CameraSelector.DEFAULT_FRONT_CAMERA
        provider.unbindAll()
        provider.bindToLifecycle(activity, camera, together)
    }
}
