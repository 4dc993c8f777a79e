package android.text;

public class SpannableStringBuilder implements CharSequence, Spanned {
    public SpannableStringBuilder append(CharSequence s) { return this; }
    public void setSpan(Object what, int start, int end, int flags) {}
    public int length() { return 0; }
    public char charAt(int i) { return 0; }
    public CharSequence subSequence(int start, int end) { return null; }
}
