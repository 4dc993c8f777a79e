package com.example.segmentation

/** What a model runs on. */
enum class Chip { CPU, GPU, NPU }

/** A way to run a model: what the user chooses from. */
class Engine(
    val model: Model,
    /** The asset: the model's own file, or what was compiled of it for an NPU. */
    val file: String,
    val chip: Chip,
    val mediaPipe: Boolean = false,
) {
    private val runtime get() = if (mediaPipe) ", MediaPipe" else ""

    override fun toString() = "${model.format} on the $chip$runtime"
}

/**
 * The ways that this phone may have, the surest one first. A processor takes int8, a GPU float16;
 * an NPU takes what `segnet-tf export --npu SOC` compiled for it, `model_int8_SOC.tflite`.
 *
 * `files` are the names of the assets. `soc` is the phone's, null where the phone does not say it.
 */
fun engines(manifest: Manifest, files: Collection<String>, soc: String?): List<Engine> {
    val onCpu = manifest.models.filter { it.format == "int8" }.map { Engine(it, it.file, Chip.CPU) }
    val onGpu = manifest.models.filter { it.format == "float16" }.flatMap {
        listOf(Engine(it, it.file, Chip.GPU), Engine(it, it.file, Chip.GPU, mediaPipe = true))
    }
    val onNpu = manifest.models.flatMap { model ->
        val compiled = "${model.file.removeSuffix(".tflite")}_$soc.tflite"
        files.filter { it == compiled }.map { Engine(model, it, Chip.NPU) }
    }
    return onCpu + onGpu + onNpu
}
