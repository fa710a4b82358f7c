//! The grammar of selectors.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use nom::branch::alt;
use nom::bytes::complete::{tag, take_while, take_while1};
use nom::combinator::value;
use nom::error::{ErrorKind, ParseError};
use nom::{IResult, Parser};

use super::error::{SelectorError, SelectorErrorKind};
use super::field::Field;
use super::{Expr, Op, Path, Selector, Test};
use crate::identifier::unprintable;

/// What is wrong, and how much was left to read there.
#[derive(Debug)]
struct Failure {
    kind: SelectorErrorKind,
    left: usize,
}

impl ParseError<&str> for Failure {
    fn from_error_kind(input: &str, _: ErrorKind) -> Self {
        Self { kind: SelectorErrorKind::NoComparison, left: input.len() }
    }

    fn append(_: &str, _: ErrorKind, other: Self) -> Self {
        other
    }
}

type Parsed<'a, T> = IResult<&'a str, T, Failure>;

fn fail<T>(kind: SelectorErrorKind, rest: &str) -> Parsed<'_, T> {
    Err(nom::Err::Failure(Failure { kind, left: rest.len() }))
}

/// Reads all of a text as a selector.
pub(super) fn selector(text: &str) -> Result<Expr, SelectorError> {
    let failed = |kind, left| SelectorError::new(kind, text.len() - left);
    match any(text, 0) {
        Ok(("", expr)) => Ok(expr),
        Ok((rest, _)) => Err(failed(SelectorErrorKind::TrailingText, rest.len())),
        Err(nom::Err::Error(at) | nom::Err::Failure(at)) => Err(failed(at.kind, at.left)),
        // Complete parsers do not ask for more.
        Err(nom::Err::Incomplete(_)) => Err(failed(SelectorErrorKind::NoComparison, 0)),
    }
}

/// Whether a value stands without quotes.
pub(super) fn is_plain(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit()) && text.chars().all(is_plain_char)
}

const fn is_plain_char(c: char) -> bool {
    c.is_ascii_digit() || c == '.'
}

const fn is_path_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '-' | '.')
}

fn space(input: &str) -> Parsed<'_, &str> {
    take_while(|c| matches!(c, ' ' | '\t' | '\r' | '\n')).parse(input)
}

/// A token and the space around it.
fn token<'a>(text: &'static str) -> impl Parser<&'a str, Output = &'a str, Error = Failure> {
    nom::sequence::delimited(space, tag(text), space)
}

fn any(input: &str, depth: usize) -> Parsed<'_, Expr> {
    let (rest, parts) = separated(input, "|", depth, all)?;
    Ok((
        rest,
        join(parts, Expr::Any, |part| match part {
            Expr::Any(parts) => Ok(parts),
            other => Err(other),
        }),
    ))
}

fn all(input: &str, depth: usize) -> Parsed<'_, Expr> {
    let (rest, parts) = separated(input, "&", depth, part)?;
    Ok((
        rest,
        join(parts, Expr::All, |part| match part {
            Expr::All(parts) => Ok(parts),
            other => Err(other),
        }),
    ))
}

/// Parts with something between them.
fn separated<'a>(
    input: &'a str,
    between: &'static str,
    depth: usize,
    part: fn(&'a str, usize) -> Parsed<'a, Expr>,
) -> Parsed<'a, Vec<Expr>> {
    let (mut rest, first) = part(input, depth)?;
    let mut parts = vec![first];
    while let Ok((next, _)) = token(between).parse(rest) {
        let (after, expr) = part(next, depth)?;
        parts.push(expr);
        rest = after;
    }
    Ok((rest, parts))
}

/// One part is itself; parts of the same kind become one.
fn join(parts: Vec<Expr>, joined: fn(Vec<Expr>) -> Expr, same: fn(Expr) -> Result<Vec<Expr>, Expr>) -> Expr {
    let mut flat = Vec::with_capacity(parts.len());
    for part in parts {
        match same(part) {
            Ok(parts) => flat.extend(parts),
            Err(part) => flat.push(part),
        }
    }
    match <[Expr; 1]>::try_from(flat) {
        Ok([only]) => only,
        Err(flat) => joined(flat),
    }
}

fn part(input: &str, depth: usize) -> Parsed<'_, Expr> {
    let (input, _) = space(input)?;
    if input.starts_with(['!', '(']) && depth >= Selector::MAX_DEPTH {
        return fail(SelectorErrorKind::TooDeep, input);
    }
    if let Some(rest) = input.strip_prefix('!') {
        let (rest, expr) = part(rest, depth + 1)?;
        return Ok((rest, Expr::Not(Box::new(expr))));
    }
    if let Some(rest) = input.strip_prefix('(') {
        let (rest, expr) = any(rest, depth + 1)?;
        return match token(")").parse(rest) {
            Ok((rest, _)) => Ok((rest, expr)),
            Err::<_, nom::Err<Failure>>(_) => fail(SelectorErrorKind::NotClosed, rest),
        };
    }
    test(input)
}

fn test(input: &str) -> Parsed<'_, Expr> {
    let name = |rest| take_while1::<_, _, Failure>(is_path_char).parse(rest);
    let (rest, path) = match name(input) {
        Ok((rest, path)) if path.starts_with(|c: char| c.is_ascii_alphabetic()) => (rest, path),
        _ => return fail(SelectorErrorKind::NoComparison, input),
    };
    let (rest, _) = space(rest)?;
    let Ok((rest, op)) = operator(rest) else { return fail(SelectorErrorKind::NoOperator, rest) };
    let (rest, _) = space(rest)?;
    let (rest, text) = literal(rest)?;
    let (rest, _) = space(rest)?;
    let path = Field::from_path(path).map_or_else(|| Path::Unknown(path.into()), Path::Field);
    let number = text.parse().ok().filter(|_| is_plain(&text));
    Ok((rest, Expr::Test(Test { path, op, value: text.into_boxed_str(), number })))
}

fn operator(input: &str) -> Parsed<'_, Op> {
    alt((
        value(Op::NotEqual, tag("!=")),
        value(Op::AtMost, tag("<=")),
        value(Op::AtLeast, tag(">=")),
        value(Op::Less, tag("<")),
        value(Op::Greater, tag(">")),
        value(Op::Prefix, tag("~")),
        // As C has it; shown as one.
        value(Op::Equal, alt((tag("=="), tag("=")))),
    ))
    .parse(input)
}

fn literal(input: &str) -> Parsed<'_, String> {
    let Some(string) = input.strip_prefix('"') else {
        let plain = take_while1::<_, _, Failure>(is_plain_char).parse(input);
        return match plain {
            Ok((rest, plain)) if is_plain(plain) => Ok((rest, plain.into())),
            _ => fail(SelectorErrorKind::NoValue, input),
        };
    };
    let (mut text, mut rest) = (String::new(), string);
    loop {
        let (after, plain) = take_while(|c| !matches!(c, '"' | '\\')).parse(rest)?;
        if let Some(at) = unprintable(plain) {
            return fail(SelectorErrorKind::BadString, &rest[at..]);
        }
        text.push_str(plain);
        let mut chars = after.chars();
        match (chars.next(), chars.next()) {
            (Some('"'), _) => return Ok((&after[1..], text)),
            (Some('\\'), Some(escaped @ ('"' | '\\'))) => {
                text.push(escaped);
                rest = &after[2..];
            }
            _ => return fail(SelectorErrorKind::BadString, after),
        }
    }
}
