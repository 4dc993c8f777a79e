import android.content.Context
import android.graphics.Bitmap
import com.google.ai.edge.litert.Accelerator
import com.google.ai.edge.litert.CompiledModel

/** LiteRT on the GPU. Make it and call it on one thread, not the main one. */
class CompiledModelSegmenter(
    context: Context,
    file: String,
    private val width: Int,
    private val height: Int,
) : AutoCloseable {

    private val model =
        CompiledModel.create(context.assets, file, CompiledModel.Options(Accelerator.GPU))
    private val inputs = model.createInputBuffers()
    private val outputs = model.createOutputBuffers()

    /** At the model's size: scale the painted mask up, not the ids. */
    fun segment(bitmap: Bitmap): Mask {
        inputs[0].writeFloat(rgb(bitmap, width, height))
        model.run(inputs, outputs)
        return argmax(outputs[0].readFloat(), width, height)
    }

    override fun close() {
        inputs.forEach { it.close() }
        outputs.forEach { it.close() }
        model.close()
    }
}
