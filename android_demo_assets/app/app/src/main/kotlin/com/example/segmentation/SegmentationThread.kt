package com.example.segmentation

import android.content.Context
import androidx.camera.core.ImageAnalysis
import androidx.camera.core.ImageProxy
import java.util.concurrent.Executor
import java.util.concurrent.Executors

/** Owns the model: it is opened, run and closed on one thread of its own. */
class SegmentationThread(
    private val context: Context,
    private val main: Executor,
    private val listener: Listener,
) : ImageAnalysis.Analyzer,
    AutoCloseable {

    /** Is called on the main thread. */
    interface Listener {
        fun opened(engine: Engine)

        fun segmented(mask: Mask, modelNanos: Long, wholeNanos: Long)

        fun failed(engine: Engine, error: Throwable, opening: Boolean)
    }

    val executor = Executors.newSingleThreadExecutor()
    private var engine: Engine? = null
    private var segmenter: Segmenter? = null

    /** Closes what is open and opens this. */
    fun use(engine: Engine) = executor.execute {
        attempt(engine, opening = true) {
            stop()
            segmenter = open(engine)
            this.engine = engine
            main.execute { listener.opened(engine) }
        }
    }

    fun segment(picture: Picture) = executor.execute {
        process { picture.upright(it.width, it.height) }
    }

    /** A frame of the camera; on `executor`. */
    override fun analyze(image: ImageProxy) = image.use {
        process { model ->
            val plane = image.planes[0]
            val frame = rgba(plane.buffer, image.width, image.height, plane.rowStride)
            val seen = image.cropRect // what the preview shows
            val part = Part(seen.left, seen.top, seen.right, seen.bottom)
            frame.upright(model.width, model.height, Turn(image.imageInfo.rotationDegrees), part)
        }
    }

    override fun close() {
        executor.execute(::stop)
        executor.shutdown()
    }

    private fun process(picture: (Model) -> Picture) {
        val engine = engine ?: return
        val segmenter = segmenter ?: return
        attempt(engine, opening = false) {
            val start = System.nanoTime()
            val input = picture(engine.model)
            val before = System.nanoTime()
            val mask = segmenter.segment(input)
            val end = System.nanoTime()
            main.execute { listener.segmented(mask, end - before, end - start) }
        }
    }

    private fun open(engine: Engine): Segmenter = if (engine.mediaPipe) {
        MediaPipeSegmenter(context, engine.file, engine.chip)
    } else {
        CompiledModelSegmenter(context, engine.file, engine.chip)
    }

    private fun stop() {
        val open = segmenter
        engine = null
        segmenter = null
        open?.close()
    }

    /** One failure ends it: the next frame would fail alike, and a driver may be half broken. */
    private fun attempt(engine: Engine, opening: Boolean, block: () -> Unit) {
        try {
            block()
        } catch (error: Exception) {
            fail(engine, error, opening)
        } catch (error: LinkageError) { // a native library that this phone lacks
            fail(engine, error, opening)
        }
    }

    private fun fail(engine: Engine, error: Throwable, opening: Boolean) {
        stop()
        main.execute { listener.failed(engine, error, opening) }
    }
}
