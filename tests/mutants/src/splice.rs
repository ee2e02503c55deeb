//! A file with all its mutants in it, each behind a switch.
//!
//! Only ever inserts text: the code as it is stays where it was, inside the `else` of what is inserted, so that mutants
//! within it are still there; what a mutant does instead is a copy of the unbroken text. Refuses what cannot be switched at
//! run time (constants, `let` chains, what is in a macro): it is left to cargo-mutants.

use std::collections::BTreeMap;
use std::ops::Range;

use proc_macro2::LineColumn;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use crate::list::{Mutant, Place};

/// A file with mutants in it.
#[derive(Debug, Default)]
pub struct Spliced {
    /// Its text.
    pub text: String,
    /// Which bytes of the text are there for which mutant alone.
    pub own: Vec<(Range<usize>, u32)>,
    /// Which bytes the code around a mutant takes, its own included.
    pub around: Vec<(Range<usize>, u32)>,
}

/// A piece of inserted text, and the mutant that it is there for.
type Piece = (String, Option<u32>);

/// Text around bytes `span` of the file. Of two with the same span the one of lower `rank` is outside.
#[derive(Debug)]
struct Wrap {
    span: Range<usize>,
    rank: u8,
    before: Vec<Piece>,
    after: &'static str,
    mutants: Vec<u32>,
}

/// Puts `mutants`, which are those of one file, into its `text`.
pub fn splice(text: &str, mutants: &[&Mutant]) -> Result<Spliced, syn::Error> {
    let file = syn::parse_file(text)?;
    let mut lines = vec![0];
    lines.extend(text.match_indices('\n').map(|(at, _)| at + 1));
    let mut at = BTreeMap::<_, Vec<&Mutant>>::new();
    for mutant in mutants {
        at.entry((mutant.genre.as_str(), mutant.start)).or_default().push(mutant);
    }
    let mut finder = Finder { text, lines, at, wraps: Vec::new() };
    finder.visit_file(&file);
    Ok(insert(text, &finder.wraps))
}

/// Where something is inserted, so that sorting puts what is inside inside.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    /// Closing: what began last is closed first.
    Close(std::cmp::Reverse<usize>, std::cmp::Reverse<u8>),
    /// Opening: what ends last is opened first.
    Open(std::cmp::Reverse<usize>, u8),
}

fn insert(text: &str, wraps: &[Wrap]) -> Spliced {
    use std::cmp::Reverse;
    let mut turns = Vec::new();
    for (index, wrap) in wraps.iter().enumerate() {
        turns.push((wrap.span.start, Turn::Open(Reverse(wrap.span.end), wrap.rank), index));
        if !wrap.span.is_empty() {
            turns.push((wrap.span.end, Turn::Close(Reverse(wrap.span.start), Reverse(wrap.rank)), index));
        }
    }
    turns.sort();
    let mut spliced = Spliced::default();
    let mut begun = BTreeMap::new();
    let mut copied = 0;
    for (at, turn, index) in turns {
        spliced.text.push_str(&text[copied..at]);
        copied = at;
        let wrap = &wraps[index];
        if matches!(turn, Turn::Close(..)) {
            spliced.text.push_str(wrap.after);
            let from = begun.get(&index).copied().unwrap_or_default();
            let around = wrap.mutants.iter().map(|number| (from..spliced.text.len(), *number));
            spliced.around.extend(around);
        } else {
            begun.insert(index, spliced.text.len());
            for (piece, mutant) in &wrap.before {
                let from = spliced.text.len();
                spliced.text.push_str(piece);
                spliced.own.extend(mutant.map(|number| (from..spliced.text.len(), number)));
            }
        }
    }
    spliced.text.push_str(&text[copied..]);
    spliced
}

struct Finder<'a> {
    text: &'a str,
    lines: Vec<usize>,
    at: BTreeMap<(&'a str, Place), Vec<&'a Mutant>>,
    wraps: Vec<Wrap>,
}

fn place(at: LineColumn) -> Place {
    (at.line, at.column + 1)
}

fn is(number: u32) -> String {
    format!("crate::mutant::is({number})")
}

impl<'a> Finder<'a> {
    fn byte(&self, at: LineColumn) -> usize {
        let line = self.lines[at.line - 1];
        line + self.text[line..].chars().take(at.column).map(char::len_utf8).sum::<usize>()
    }

    fn bytes(&self, of: &impl Spanned) -> Range<usize> {
        let span = of.span();
        self.byte(span.start())..self.byte(span.end())
    }

    fn raw(&self, of: &impl Spanned) -> &'a str {
        &self.text[self.bytes(of)]
    }

    /// The mutants of a genre that begin where `of` begins.
    fn of(&self, genre: &'static str, of: &impl Spanned) -> Vec<&'a Mutant> {
        self.at.get(&(genre, place(of.span().start()))).cloned().unwrap_or_default()
    }

    /// `(if MUTANT { INSTEAD } else { … })` around an expression.
    fn choose(&mut self, span: Range<usize>, choices: Vec<(u32, String)>) {
        let mut before = vec![("(".to_owned(), None)];
        let mut mutants = Vec::new();
        for (number, instead) in choices {
            before.push((format!("if {} {{ {instead} }} else ", is(number)), Some(number)));
            mutants.push(number);
        }
        before.push(("{ ".into(), None));
        self.wraps.push(Wrap { span, rank: 3, before, after: " })", mutants });
    }

    fn body(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let (Some(first), Some(last)) = (block.stmts.first(), block.stmts.last()) else { return };
        // The first thing that is returned decides what `impl Trait` is.
        if signature.constness.is_some() || self.raw(&signature.output).contains("impl ") {
            return;
        }
        let end = place(last.span().end());
        let mut found = self.of("FnValue", first);
        found.retain(|mutant| mutant.end == end);
        let (mut before, mut mutants) = (Vec::new(), Vec::new());
        for mutant in found {
            let early = format!(" if {} {{ return {}; }}", is(mutant.number), named(&mutant.replacement));
            before.push((early, Some(mutant.number)));
            mutants.push(mutant.number);
        }
        let span = self.bytes(block);
        let span = span.start + 1..span.end - 1;
        self.wraps.push(Wrap { span, rank: 0, before, after: "", mutants });
    }

    fn guard(&mut self, guard: &syn::Expr) {
        for mutant in self.of("MatchArmGuard", guard) {
            let (number, on) = (mutant.number, is(mutant.number));
            let before =
                if mutant.replacement == "true" { format!("({on} || ") } else { format!("(!{on} && ") };
            let span = self.bytes(guard);
            // One is inside the other, which does not matter: only one is ever on.
            let rank = if mutant.replacement == "true" { 1 } else { 2 };
            self.wraps.push(Wrap {
                span,
                rank,
                before: vec![(before, Some(number)), ("(".into(), None)],
                after: "))",
                mutants: vec![number],
            });
        }
    }
}

/// A value whose names mean the same where neither `std` nor `alloc` is at hand.
fn named(value: &str) -> String {
    value.replace("vec![", "::std::vec![").replace("String::new()", "::std::string::String::new()")
}

/// Whether an operand introduces names for what comes after it.
fn has_let(expr: &syn::Expr) -> bool {
    match expr {
        syn::Expr::Let(_) => true,
        syn::Expr::Binary(binary) => has_let(&binary.left) || has_let(&binary.right),
        _ => false,
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    // What is computed at compile time cannot be switched.
    fn visit_item_const(&mut self, _: &'ast syn::ItemConst) {}
    fn visit_item_static(&mut self, _: &'ast syn::ItemStatic) {}
    fn visit_impl_item_const(&mut self, _: &'ast syn::ImplItemConst) {}
    fn visit_trait_item_const(&mut self, _: &'ast syn::TraitItemConst) {}
    fn visit_type(&mut self, _: &'ast syn::Type) {}
    fn visit_item_enum(&mut self, _: &'ast syn::ItemEnum) {}
    fn visit_expr_const(&mut self, _: &'ast syn::ExprConst) {}
    fn visit_generic_argument(&mut self, _: &'ast syn::GenericArgument) {}

    fn visit_expr_repeat(&mut self, repeat: &'ast syn::ExprRepeat) {
        self.visit_expr(&repeat.expr);
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.body(&item.sig, &item.block);
        if item.sig.constness.is_none() {
            visit::visit_item_fn(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.body(&item.sig, &item.block);
        if item.sig.constness.is_none() {
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.body(&item.sig, block);
        }
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_expr_binary(&mut self, binary: &'ast syn::ExprBinary) {
        let found = self.of("BinaryOperator", &binary.op);
        if !found.is_empty() && !has_let(&binary.left) && !has_let(&binary.right) {
            let (left, right) = (self.raw(&binary.left), self.raw(&binary.right));
            let choices = found
                .iter()
                .map(|mutant| (mutant.number, format!("({left}) {} ({right})", mutant.replacement)));
            let span = self.bytes(&binary.left).start..self.bytes(&binary.right).end;
            self.choose(span, choices.collect());
        }
        visit::visit_expr_binary(self, binary);
    }

    fn visit_expr_unary(&mut self, unary: &'ast syn::ExprUnary) {
        let found = self.of("UnaryOperator", &unary.op);
        if !found.is_empty() {
            let inner = self.raw(&unary.expr);
            let choices = found.iter().map(|mutant| (mutant.number, inner.to_owned())).collect();
            let span = self.bytes(&unary.op).start..self.bytes(&unary.expr).end;
            self.choose(span, choices);
        }
        visit::visit_expr_unary(self, unary);
    }

    fn visit_arm(&mut self, arm: &'ast syn::Arm) {
        let mut found = self.of("MatchArm", arm);
        if found.is_empty() {
            found = self.of("MatchArm", &arm.pat);
        }
        for mutant in found {
            let (number, mutants) = (mutant.number, vec![mutant.number]);
            if let Some((_, guard)) = &arm.guard {
                let before = vec![(format!("!{} && (", is(number)), Some(number))];
                let span = self.bytes(&**guard);
                self.wraps.push(Wrap { span, rank: 0, before, after: ")", mutants });
            } else {
                let end = self.bytes(&arm.pat).end;
                let before = vec![(format!(" if !{}", is(number)), Some(number))];
                self.wraps.push(Wrap { span: end..end, rank: 0, before, after: "", mutants });
            }
        }
        if let Some((_, guard)) = &arm.guard {
            self.guard(guard);
        }
        visit::visit_arm(self, arm);
    }

    fn visit_expr_match(&mut self, expr: &'ast syn::ExprMatch) {
        // Without an arm a match may not be exhaustive, which the compiler says of the match.
        let arms = expr.arms.iter().flat_map(|arm| [self.of("MatchArm", arm), self.of("MatchArm", &arm.pat)]);
        let mutants: Vec<u32> = arms.flatten().map(|mutant| mutant.number).collect();
        if !mutants.is_empty() {
            self.wraps.push(Wrap { span: self.bytes(expr), rank: 4, before: Vec::new(), after: "", mutants });
        }
        visit::visit_expr_match(self, expr);
    }

    fn visit_expr_struct(&mut self, expr: &'ast syn::ExprStruct) {
        let mut choices = Vec::new();
        for field in &expr.fields {
            for mutant in self.of("StructField", field) {
                let (whole, own) = (self.bytes(expr), self.bytes(field));
                let (before, after) = (&self.text[whole.start..own.start], &self.text[own.end..whole.end]);
                let after = after.trim_start().strip_prefix(',').unwrap_or(after);
                choices.push((mutant.number, format!("{before}{after}")));
            }
        }
        if !choices.is_empty() {
            self.choose(self.bytes(expr), choices);
        }
        visit::visit_expr_struct(self, expr);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mutant(number: u32, genre: &str, start: Place, end: Place, replacement: &str) -> Mutant {
        Mutant {
            number,
            package: String::new(),
            file: String::new(),
            genre: genre.into(),
            replacement: replacement.into(),
            start,
            end,
            name: String::new(),
            key: String::new(),
        }
    }

    #[track_caller]
    fn gives(text: &str, mutants: &[Mutant], expected: &str) {
        let spliced = splice(text, &mutants.iter().collect::<Vec<_>>()).unwrap();
        assert_eq!(spliced.text.replace("crate::mutant::is", "on"), expected);
        syn::parse_file(&spliced.text).unwrap();
        for (range, number) in &spliced.own {
            assert!(spliced.text[range.clone()].contains(&format!("({number})")), "{number}: {range:?}");
        }
    }

    #[test]
    fn operators_within_operators_are_all_there() {
        let mutants = [
            mutant(1, "BinaryOperator", (1, 36), (1, 38), "||"),
            mutant(2, "BinaryOperator", (1, 32), (1, 33), "=="),
            mutant(3, "BinaryOperator", (1, 32), (1, 33), ">"),
            mutant(4, "UnaryOperator", (1, 39), (1, 40), ""),
        ];
        gives(
            "fn f(é: u8, b: u8) -> bool { é < b && !c() }",
            &mutants,
            "fn f(é: u8, b: u8) -> bool { (if on(1) { (é < b) || (!c()) } else { (if on(2) { (é) == (b) } \
             else if on(3) { (é) > (b) } else { é < b }) && (if on(4) { c() } else { !c() }) }) }",
        );
    }

    #[test]
    fn a_body_gives_another_value_and_keeps_its_own() {
        let mutants = [
            mutant(1, "FnValue", (1, 16), (1, 21), "0"),
            mutant(2, "FnValue", (1, 16), (1, 21), "1"),
            mutant(3, "BinaryOperator", (1, 18), (1, 19), "-"),
        ];
        gives(
            "fn f() -> u8 { 1 + a }",
            &mutants,
            "fn f() -> u8 { if on(1) { return 0; } if on(2) { return 1; } (if on(3) { (1) - (a) } else { 1 + a }) }",
        );
        let hidden = [mutant(1, "FnValue", (1, 31), (1, 32), "::std::iter::empty()")];
        gives("fn f() -> impl Iterator<u8> { a }", &hidden, "fn f() -> impl Iterator<u8> { a }");
    }

    #[test]
    fn arms_and_guards_are_asked_for() {
        let mutants = [
            mutant(1, "MatchArm", (1, 20), (1, 31), ""),
            mutant(2, "MatchArmGuard", (1, 25), (1, 26), "true"),
            mutant(3, "MatchArmGuard", (1, 25), (1, 26), "false"),
            mutant(4, "MatchArm", (1, 33), (1, 39), ""),
        ];
        gives(
            "fn f() { match a { A if b => 1, B => 2, _ => 3 } }",
            &mutants,
            "fn f() { match a { A if !on(1) && ((on(2) || ((!on(3) && (b))))) => 1, B if !on(4) => 2, _ => 3 } }",
        );
    }

    #[test]
    fn a_field_is_left_to_the_rest() {
        gives(
            "fn f() { A { a: 1, b, ..c } }",
            &[mutant(1, "StructField", (1, 14), (1, 18), "")],
            "fn f() { (if on(1) { A {  b, ..c } } else { A { a: 1, b, ..c } }) }",
        );
    }

    #[test]
    fn what_is_computed_at_compile_time_stays() {
        for text in ["const A: u8 = 1 << 2;", "const fn f() -> u8 { 1 << 2 }", "fn f(a: [u8; 1 << 2]) {}"] {
            let at = text.find("<<").unwrap() + 1;
            gives(text, &[mutant(1, "BinaryOperator", (1, at), (1, at + 2), ">>")], text);
        }
        let text = "fn f() { if a && let Some(b) = c { } }";
        gives(text, &[mutant(1, "BinaryOperator", (1, 15), (1, 17), "||")], text);
    }
}
