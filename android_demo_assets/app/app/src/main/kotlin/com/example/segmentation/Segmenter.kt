package com.example.segmentation

/** Gives each pixel a class. Make it, call it and close it on one thread, not the main one. */
interface Segmenter : AutoCloseable {

    /** `picture` is upright and of the model's size. So is the mask: scale it up when painted. */
    fun segment(picture: Picture): Mask
}
