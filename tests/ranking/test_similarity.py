from alignray.ranking.similarity import build_shingles, compute_resemblance, normalize_text


def resemblance(a, b):
    return compute_resemblance(build_shingles(normalize_text(a)), build_shingles(normalize_text(b)))


def test_normalized_text_ignores_case_and_space():
    assert normalize_text(" Sure!\n\nHere  it is. ") == "sure! here it is."
    assert normalize_text("don\u2019t") == "don't"


def test_resemblance_of_one_changed_word_in_eight():
    assert resemblance("a b c d e f g h", "a b c d e f g h") == 1.0
    assert resemblance("a b c d e f g h", "a b c x e f g h") == 3 / 9
    assert resemblance("a b c d", "e f g h") == 0.0


def test_texts_without_words_are_compared_as_they_are():
    assert resemblance("<", ">") == 0.0
    assert resemblance("!!!", "!!!") == 1.0
