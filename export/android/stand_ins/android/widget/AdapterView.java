package android.widget;

import android.view.View;
import org.jetbrains.annotations.Nullable;

public abstract class AdapterView<T extends Adapter> extends android.view.ViewGroup {
    public interface OnItemSelectedListener {
        void onItemSelected(AdapterView<?> parent, View v, int position, long id);
        void onNothingSelected(AdapterView<?> parent);
    }
    public AdapterView(android.content.Context c) { super(c); }
    public void setOnItemSelectedListener(@Nullable OnItemSelectedListener l) {}
    public final @Nullable OnItemSelectedListener getOnItemSelectedListener() { return null; }
}
