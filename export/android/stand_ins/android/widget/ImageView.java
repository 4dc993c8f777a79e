package android.widget;

import org.jetbrains.annotations.Nullable;

public class ImageView extends android.view.View {
    public ImageView(android.content.Context c) { super(c); }
    public void setImageBitmap(android.graphics.Bitmap b) {}
    public void setImageDrawable(@Nullable android.graphics.drawable.Drawable d) {}
}
