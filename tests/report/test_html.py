from shelfnet.report.html import inline_markdown


def test_code_and_emphasis_are_shown_and_nothing_else_is_markup():
    assert inline_markdown("the ablation `a<b` & `c`") == "the ablation <code>a&lt;b</code> &amp; <code>c</code>"
    assert inline_markdown("2 * 3 **lower `x.y`** <b>") == ("2 * 3 <strong>lower <code>x.y</code></strong> &lt;b&gt;")
