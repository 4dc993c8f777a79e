package android.widget;

import android.util.AttributeSet;
import org.jetbrains.annotations.Nullable;

public class FrameLayout extends android.view.ViewGroup {
    public FrameLayout(android.content.Context c, @Nullable AttributeSet a) { super(c); }
}
