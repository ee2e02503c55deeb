//! Words that only carry grammar.
//!
//! Refuses languages other than English: elsewhere every word counts, which costs precision and nothing else.

/// Words that carry grammar and no subject, sorted.
#[rustfmt::skip] // One word a line is no help to a reader.
const FUNCTION_WORDS: &[&str] = &[
    "a", "about", "above", "according", "after", "again", "against", "all", "also", "although", "among", "an", "and",
    "another", "any", "are", "as", "at", "be", "because", "been", "before", "being", "below", "between", "both", "but",
    "by", "can", "could", "despite", "did", "do", "does", "doing", "done", "during", "each", "either", "ever", "every",
    "few", "following", "for", "from", "further", "had", "has", "have", "having", "he", "hence", "her", "here", "hers",
    "him", "his", "how", "however", "i", "if", "in", "indeed", "instead", "into", "is", "it", "its", "later", "many",
    "may", "me", "might", "more", "moreover", "most", "much", "must", "my", "neither", "never", "no", "nobody", "none",
    "nor", "not", "nothing", "now", "of", "off", "on", "once", "one", "only", "or", "other", "our", "out", "over",
    "own", "per", "rather", "same", "several", "shall", "she", "should", "since", "so", "some", "still", "such", "than",
    "that", "the", "their", "them", "then", "there", "therefore", "these", "they", "this", "those", "though", "through",
    "thus", "to", "too", "toward", "towards", "under", "unlike", "until", "up", "upon", "us", "very", "was", "we",
    "were", "what", "when", "where", "whereas", "whether", "which", "while", "who", "whom", "whose", "why", "will",
    "with", "within", "without", "would", "yet", "you", "your",
];

/// Whether a normalised word only carries grammar.
pub(crate) fn is_function_word(normal: &str) -> bool {
    FUNCTION_WORDS.binary_search(&normal).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn function_words_are_sorted() {
        assert!(FUNCTION_WORDS.is_sorted());
        assert!(is_function_word("the") && !is_function_word("thesis"));
    }
}
