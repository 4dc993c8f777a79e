import android.content.Context
import android.graphics.Bitmap
import com.google.mediapipe.framework.image.BitmapImageBuilder
import com.google.mediapipe.framework.image.ByteBufferExtractor
import com.google.mediapipe.tasks.core.BaseOptions
import com.google.mediapipe.tasks.core.Delegate
import com.google.mediapipe.tasks.vision.core.RunningMode
import com.google.mediapipe.tasks.vision.imagesegmenter.ImageSegmenter

/** MediaPipe reads size, normalization and class names in the file; no more is to be told. */
class MediaPipeSegmenter(context: Context, file: String) : AutoCloseable {

    private val segmenter = ImageSegmenter.createFromOptions(
        context,
        ImageSegmenter.ImageSegmenterOptions.builder()
            .setBaseOptions(
                BaseOptions.builder().setModelAssetPath(file).setDelegate(Delegate.GPU).build()
            )
            .setRunningMode(RunningMode.IMAGE)
            .setOutputCategoryMask(true)
            .setOutputConfidenceMasks(false)
            .build()
    )

    val labels: List<String> get() = segmenter.labels

    /** At the bitmap's own size. The bitmap must be ARGB_8888. */
    fun segment(bitmap: Bitmap): Mask {
        val mask = segmenter.segment(BitmapImageBuilder(bitmap).build()).categoryMask().get()
        val ids = ByteArray(mask.width * mask.height)
        ByteBufferExtractor.extract(mask).get(ids)
        return Mask(mask.width, mask.height, ids)
    }

    override fun close() = segmenter.close()
}
