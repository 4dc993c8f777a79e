package android.widget;

public class TextView extends android.view.View {
    public TextView(android.content.Context c) { super(c); }
    public final void setText(CharSequence s) {}
    public final void setText(int id) {}
    public CharSequence getText() { return null; }
}
