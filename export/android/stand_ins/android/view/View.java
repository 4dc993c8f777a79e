package android.view;

import org.jetbrains.annotations.Nullable;

public class View {
    public static final int GONE = 8;
    public static final int VISIBLE = 0;
    public interface OnClickListener {
        void onClick(View v);
    }
    public static class MeasureSpec {
        public static final int EXACTLY = 1 << 30;
        public static final int UNSPECIFIED = 0;
        public static int getMode(int spec) { return 0; }
        public static int getSize(int spec) { return 0; }
        public static int makeMeasureSpec(int size, int mode) { return 0; }
    }
    public View(android.content.Context c) {}
    public @Nullable Display getDisplay() { return null; }
    public boolean post(Runnable r) { return true; }
    public void requestLayout() {}
    public void setEnabled(boolean b) {}
    public boolean isEnabled() { return true; }
    public void setOnClickListener(@Nullable OnClickListener l) {}
    public void setVisibility(int v) {}
    public int getVisibility() { return 0; }
    protected void onMeasure(int width, int height) {}
}
