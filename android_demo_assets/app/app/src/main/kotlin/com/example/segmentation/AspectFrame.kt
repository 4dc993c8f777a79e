package com.example.segmentation

import android.content.Context
import android.util.AttributeSet
import android.view.View
import android.widget.FrameLayout

/** As large as its place allows at an aspect, so that what lies in it can fill it unstretched. */
class AspectFrame(context: Context, attributes: AttributeSet?) :
    FrameLayout(context, attributes) {

    /** Width by height. */
    var aspect = 4f / 3
        set(value) {
            field = value
            requestLayout()
        }

    override fun onMeasure(widthMeasureSpec: Int, heightMeasureSpec: Int) {
        var width = View.MeasureSpec.getSize(widthMeasureSpec)
        var height = (width / aspect).toInt()
        val most = View.MeasureSpec.getSize(heightMeasureSpec)
        val bounded = View.MeasureSpec.getMode(heightMeasureSpec) != View.MeasureSpec.UNSPECIFIED
        if (bounded && height > most) {
            height = most
            width = (height * aspect).toInt()
        }
        super.onMeasure(exactly(width), exactly(height))
    }

    private fun exactly(size: Int) =
        View.MeasureSpec.makeMeasureSpec(size, View.MeasureSpec.EXACTLY)
}
