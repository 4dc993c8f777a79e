package com.example.segmentation

import android.content.Context
import android.graphics.Bitmap
import com.google.mediapipe.framework.image.BitmapImageBuilder
import com.google.mediapipe.framework.image.ByteBufferExtractor
import com.google.mediapipe.tasks.core.BaseOptions
import com.google.mediapipe.tasks.core.Delegate
import com.google.mediapipe.tasks.vision.core.RunningMode
import com.google.mediapipe.tasks.vision.imagesegmenter.ImageSegmenter
import com.google.mediapipe.tasks.vision.imagesegmenter.ImageSegmenter.ImageSegmenterOptions

/** MediaPipe reads size, normalization and class names in the file; no more is to be told. */
class MediaPipeSegmenter(context: Context, file: String, chip: Chip) : Segmenter {

    private val segmenter = ImageSegmenter.createFromOptions(
        context,
        ImageSegmenterOptions.builder()
            .setBaseOptions(
                BaseOptions.builder()
                    .setModelAssetPath(file)
                    .setDelegate(if (chip == Chip.GPU) Delegate.GPU else Delegate.CPU)
                    .build(),
            )
            .setRunningMode(RunningMode.IMAGE)
            .setOutputCategoryMask(true)
            .setOutputConfidenceMasks(false)
            .build(),
    )

    val labels: List<String> get() = segmenter.labels

    override fun segment(picture: Picture): Mask {
        val bitmap = Bitmap.createBitmap(
            picture.argb,
            picture.width,
            picture.height,
            Bitmap.Config.ARGB_8888,
        )
        return segment(bitmap)
    }

    /** A bitmap of any size, ARGB_8888, upright. The mask is of the same size. */
    fun segment(bitmap: Bitmap): Mask {
        val mask = segmenter.segment(BitmapImageBuilder(bitmap).build()).categoryMask().get()
        val ids = ByteArray(mask.width * mask.height)
        ByteBufferExtractor.extract(mask).get(ids)
        return Mask(mask.width, mask.height, ids)
    }

    override fun close() = segmenter.close()
}
