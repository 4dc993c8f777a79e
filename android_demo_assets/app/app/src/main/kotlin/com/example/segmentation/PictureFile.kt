package com.example.segmentation

import android.content.ContentResolver
import android.graphics.Bitmap
import android.graphics.BitmapFactory
import android.media.ExifInterface
import android.net.Uri
import java.io.FileNotFoundException
import java.io.IOException
import java.io.InputStream

/**
 * A picture that the user picked, upright, not much larger than the model needs it.
 *
 * Throws IOException if it is no picture, or is gone.
 */
fun readPicture(resolver: ContentResolver, uri: Uri, model: Model): Picture {
    val options = BitmapFactory.Options()
    options.inJustDecodeBounds = true
    open(resolver, uri).use { BitmapFactory.decodeStream(it, null, options) }
    options.inJustDecodeBounds = false
    options.inSampleSize = sampling(options.outWidth, options.outHeight, model)
    options.inPreferredConfig = Bitmap.Config.ARGB_8888
    val bitmap = open(resolver, uri).use { BitmapFactory.decodeStream(it, null, options) }
        ?: throw IOException("It is no picture that Android can read.")
    val orientation = open(resolver, uri).use {
        ExifInterface(it).getAttributeInt(ExifInterface.TAG_ORIENTATION, 1)
    }
    val argb = IntArray(bitmap.width * bitmap.height)
    bitmap.getPixels(argb, 0, bitmap.width, 0, 0, bitmap.width, bitmap.height)
    val turn = turn(orientation)
    val lies = turn.degrees % 180 != 0
    val width = if (lies) bitmap.height else bitmap.width
    val height = if (lies) bitmap.width else bitmap.height
    return Picture(bitmap.width, bitmap.height, argb).upright(width, height, turn)
}

private fun open(resolver: ContentResolver, uri: Uri): InputStream =
    resolver.openInputStream(uri) ?: throw FileNotFoundException("$uri")
