package com.example.segmentation

/** How long the last frames took, in nanoseconds; not more of them than `most`. */
class FrameTimes(private val most: Int = 30) {
    private val frames = ArrayDeque<LongArray>()

    /** `end`: on the same clock for each frame. */
    fun add(model: Long, whole: Long, end: Long) {
        if (frames.size == most) frames.removeFirst()
        frames.addLast(longArrayOf(model, whole, end))
    }

    /** In the model, in milliseconds. */
    val model get() = mean(0)

    /** From the camera's image to the mask, in milliseconds. */
    val whole get() = mean(1)

    /** Frames a second, 0 while there are fewer than two. */
    val rate: Double
        get() {
            if (frames.size < 2) return 0.0
            return (frames.size - 1) * 1e9 / (frames.last()[2] - frames.first()[2])
        }

    private fun mean(index: Int) = frames.map { it[index] / 1e6 }.average()
}
