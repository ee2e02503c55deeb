//! Rust source as a flat list of tokens: no comments, no insides of strings, and which tokens only tests compile.
//!
//! Refuses to understand more than that: no syntax tree, no types, no macro expansion.

use std::str::FromStr;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// What a token is; an opening delimiter knows where it closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Ident,
    Punct,
    Literal,
    Open { close: usize },
    Close,
}

#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) text: String,
    /// Counted from 1.
    pub(super) line: usize,
    /// Under `#[cfg(test)]` or `#[test]`.
    pub(super) test: bool,
}

/// One file, lexed.
#[derive(Debug)]
pub(super) struct Source {
    /// Relative to the top of the workspace, with `/`.
    pub(super) path: String,
    pub(super) text: String,
    pub(super) tokens: Vec<Token>,
    /// Modules declared as `#[cfg(test)] mod name;`.
    pub(super) test_modules: Vec<String>,
}

/// A function with a body outside tests.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Function {
    pub(super) name: String,
    pub(super) line: usize,
    pub(super) lines: usize,
}

impl Source {
    pub(super) fn new(path: &str, text: &str) -> Self {
        let stream = TokenStream::from_str(text).unwrap_or_else(|error| {
            panic!("{path}:{}: does not lex: {error}", error.span().start().line);
        });
        let mut tokens = Vec::new();
        flatten(stream, &mut tokens);
        let mut source = Self { path: path.into(), text: text.into(), tokens, test_modules: Vec::new() };
        source.mark_tests();
        source
    }

    /// Whether the tokens from `at` on are spelled so.
    pub(super) fn spells(&self, at: usize, words: &[&str]) -> bool {
        self.tokens.get(at..at + words.len()).is_some_and(|found| {
            found.iter().zip(words).all(|(token, word)| token.kind != Kind::Literal && token.text == *word)
        })
    }

    /// The package a file belongs to: `delm-core` for `crates/delm-core/src/lib.rs`, `tests` for `tests/src/all.rs`.
    pub(super) fn package(&self) -> &str {
        let mut parts = self.path.split('/');
        match parts.next() {
            Some("crates") => parts.next().unwrap_or_default(),
            other => other.unwrap_or_default(),
        }
    }

    /// Whether what is outside `#[cfg(test)]` here ends up in the binary.
    pub(super) fn is_shipped(&self) -> bool {
        let mut parts = self.path.split('/').skip(2);
        self.path.starts_with("crates/")
            && matches!(parts.next(), Some("src" | "build.rs"))
            && !parts.any(|part| part == "tests" || part == "tests.rs")
    }

    /// Lines that are not inside a test item.
    pub(super) fn lines_outside_tests(&self) -> usize {
        let mut test_lines = std::collections::BTreeSet::new();
        for pair in self.tokens.windows(2) {
            if let [a, b] = pair
                && a.test
                && b.test
            {
                test_lines.extend(a.line..=b.line);
            }
        }
        self.text.lines().count() - test_lines.len()
    }

    pub(super) fn functions(&self) -> Vec<Function> {
        let mut found = Vec::new();
        for at in 0..self.tokens.len() {
            let [word, name, ..] = &self.tokens[at..] else { break };
            if word.text != "fn" || word.kind != Kind::Ident || name.kind != Kind::Ident || word.test {
                continue;
            }
            if let Some(end) = self.item_end(at).filter(|end| self.tokens[*end].kind == Kind::Close) {
                let lines = self.tokens[end].line - word.line + 1;
                found.push(Function { name: name.text.clone(), line: word.line, lines });
            }
        }
        found
    }

    /// What `std::a`, `std::{a, b::c}` take from `root`: `a`, `b`, each with its line and whether it is test code.
    pub(super) fn taken_from(&self, root: &str) -> Vec<&Token> {
        let mut taken = Vec::new();
        for at in 0..self.tokens.len() {
            if !self.spells(at, &[root, ":", ":"]) {
                continue;
            }
            match self.tokens.get(at + 3) {
                Some(token) if token.kind == Kind::Ident => taken.push(token),
                Some(Token { kind: Kind::Open { close }, .. }) => {
                    taken.extend(self.use_heads(at + 3, *close))
                }
                _ => {}
            }
        }
        taken
    }

    /// The first name of each branch of a `use` group.
    fn use_heads(&self, open: usize, close: usize) -> Vec<&Token> {
        let mut heads = Vec::new();
        let mut at = open + 1;
        let mut head = true;
        while at < close {
            let token = &self.tokens[at];
            if head && token.kind == Kind::Ident {
                heads.push(token);
            }
            head = token.text == ",";
            at = if let Kind::Open { close } = token.kind { close + 1 } else { at + 1 };
        }
        heads
    }

    fn mark_tests(&mut self) {
        if (0..self.tokens.len()).any(|at| self.spells(at, &["#", "!", "[", "cfg", "(", "test", ")", "]"])) {
            self.tokens.iter_mut().for_each(|token| token.test = true);
        }
        let mut at = 0;
        while at < self.tokens.len() {
            match self.test_item_end(at) {
                Some(end) => {
                    self.note_test_module(at, end);
                    self.tokens[at..=end].iter_mut().for_each(|token| token.test = true);
                    at = end + 1;
                }
                None => at += 1,
            }
        }
    }

    fn note_test_module(&mut self, from: usize, to: usize) {
        for at in from..to {
            if self.spells(at, &["mod"]) && self.spells(at + 2, &[";"]) {
                self.test_modules.push(self.tokens[at + 1].text.clone());
            }
        }
    }

    /// Where the item ends whose attribute at `at` makes it a test's, if one does.
    fn test_item_end(&self, at: usize) -> Option<usize> {
        let opens = [
            &["#", "[", "cfg", "(", "test", ")", "]"][..],
            &["#", "[", "cfg", "(", "all", "(", "test", ","],
            &["#", "[", "test", "]"],
        ];
        if !opens.iter().any(|words| self.spells(at, words)) {
            return None;
        }
        let mut item = at;
        while self.spells(item, &["#", "["]) {
            let Kind::Open { close } = self.tokens[item + 1].kind else { return None };
            item = close + 1;
        }
        self.item_end(item)
    }

    /// The `;` or the closing brace that ends the item at `at`.
    fn item_end(&self, mut at: usize) -> Option<usize> {
        loop {
            let token = self.tokens.get(at)?;
            match token.kind {
                Kind::Open { close } if token.text == "{" => return Some(close),
                Kind::Open { close } => at = close + 1,
                Kind::Close => return None,
                Kind::Punct if token.text == ";" => return Some(at),
                Kind::Ident | Kind::Punct | Kind::Literal => at += 1,
            }
        }
    }
}

fn flatten(stream: TokenStream, tokens: &mut Vec<Token>) {
    let push = |tokens: &mut Vec<Token>, kind, text: String, line| {
        tokens.push(Token { kind, text, line, test: false });
    };
    for tree in stream {
        let start = tree.span().start().line;
        match tree {
            TokenTree::Ident(ident) => push(tokens, Kind::Ident, ident.to_string(), start),
            TokenTree::Punct(punct) => push(tokens, Kind::Punct, punct.as_char().to_string(), start),
            TokenTree::Literal(literal) => push(tokens, Kind::Literal, literal.to_string(), start),
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::Parenthesis | Delimiter::None => ("(", ")"),
                };
                let at = tokens.len();
                push(tokens, Kind::Close, open.into(), start);
                flatten(group.stream(), tokens);
                tokens[at].kind = Kind::Open { close: tokens.len() };
                push(tokens, Kind::Close, close.into(), group.span_close().end().line);
            }
        }
    }
}
