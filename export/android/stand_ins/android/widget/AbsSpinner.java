package android.widget;

public abstract class AbsSpinner extends AdapterView<SpinnerAdapter> {
    public AbsSpinner(android.content.Context c) { super(c); }
    public SpinnerAdapter getAdapter() { return null; }
    public void setAdapter(SpinnerAdapter a) {}
}
