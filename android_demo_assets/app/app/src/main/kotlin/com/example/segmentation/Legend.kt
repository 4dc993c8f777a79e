package com.example.segmentation

import android.text.SpannableStringBuilder
import android.text.Spanned
import android.text.style.ForegroundColorSpan
import java.util.Locale

/** A line for each class that is in the mask, the largest first, then the others. */
fun legend(manifest: Manifest, mask: Mask): CharSequence {
    val shares = mask.shares(manifest.labels.size)
    val text = SpannableStringBuilder()
    for (id in manifest.labels.indices.sortedByDescending { shares[it] }) {
        val start = text.length
        text.append("■ ")
        val color = ForegroundColorSpan(0xFF000000.toInt() or manifest.palette[id])
        text.setSpan(color, start, text.length, Spanned.SPAN_EXCLUSIVE_EXCLUSIVE)
        text.append(manifest.labels[id])
        if (shares[id] > 0) text.append(String.format(Locale.US, "  %.1f %%", 100 * shares[id]))
        text.append("\n")
    }
    return text
}
