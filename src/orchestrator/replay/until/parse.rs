//! Reads an expression: characters to words, words to a tree, every error with its place. Never panics on any text.

use super::fields::{Field, Form};
use super::{Comparison, Expr, Operand, UntilError, Value};

/// How deep parentheses and `not` may nest.
const DEEPEST: usize = 64;

/// A piece of the text.
#[derive(Clone, PartialEq, Debug)]
enum Token {
    And,
    Or,
    Not,
    Open,
    Close,
    Comparison(Comparison),
    /// `order.status`, `true`, or any word without quotes.
    Name(String),
    /// In quotes.
    Text(String),
    Number(f64),
}

/// Where a piece lies: its first character and how many.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Place {
    at: usize,
    len: usize,
}

pub(super) fn parse(text: &str) -> Result<Expr, UntilError> {
    let tokens = tokens(text)?;
    let mut reader = Reader { text, tokens: &tokens, depth: 0 };
    let expr = reader.any()?;
    match reader.tokens.first() {
        None => Ok(expr),
        Some((Token::Close, place)) => Err(reader.error(*place, "there is no '(' that this ')' would close")),
        Some((_, place)) => Err(reader.error(*place, "expected 'and', 'or' or the end here")),
    }
}

fn error(text: &str, place: Place, what: impl Into<String>) -> UntilError {
    UntilError { what: what.into(), text: text.to_owned(), at: place.at, len: place.len }
}

/// Cuts the text into pieces.
fn tokens(text: &str) -> Result<Vec<(Token, Place)>, UntilError> {
    let chars: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = chars.get(at) {
        if first.is_whitespace() {
            at += 1;
            continue;
        }
        let rest = chars.get(at..).unwrap_or_default();
        let (token, len) = match token(rest) {
            Ok(found) => found,
            Err((len, what)) => return Err(error(text, Place { at, len }, what)),
        };
        tokens.push((token, Place { at, len }));
        at += len.max(1);
    }
    Ok(tokens)
}

/// The first piece of a text that does not begin with a blank, and its length; else the length that is wrong, and why.
fn token(rest: &[char]) -> Result<(Token, usize), (usize, String)> {
    let [first, after @ ..] = rest else { return Err((1, "nothing here".into())) };
    let equal_follows = after.first() == Some(&'=');
    let compared = |plain: Comparison, or_equal: Comparison| {
        let comparison = if equal_follows { or_equal } else { plain };
        Ok((Token::Comparison(comparison), if equal_follows { 2 } else { 1 }))
    };
    match first {
        '(' => Ok((Token::Open, 1)),
        ')' => Ok((Token::Close, 1)),
        '<' => compared(Comparison::Less, Comparison::LessOrEqual),
        '>' => compared(Comparison::Greater, Comparison::GreaterOrEqual),
        '=' if equal_follows => Ok((Token::Comparison(Comparison::Equal), 2)),
        '=' => Err((1, "'=' compares nothing: write '=='".into())),
        '!' if equal_follows => Ok((Token::Comparison(Comparison::NotEqual), 2)),
        '!' => Err((1, "'!' is written 'not'".into())),
        '&' => Err((run_of(rest, |c| c == '&'), "'&&' is written 'and'".into())),
        '|' => Err((run_of(rest, |c| c == '|'), "'||' is written 'or'".into())),
        '"' | '\'' => match after.iter().position(|c| c == first) {
            Some(len) => Ok((Token::Text(after.iter().take(len).collect()), len + 2)),
            None => Err((rest.len(), format!("the text that begins here has no closing {first}"))),
        },
        c if c.is_ascii_digit() || ((*c == '-' || *c == '+' || *c == '.') && !after.is_empty()) => number(rest),
        c if c.is_alphabetic() || *c == '_' => {
            let len = run_of(rest, |c| c.is_alphanumeric() || c == '_' || c == '.');
            let word: String = rest.iter().take(len).collect();
            let token = match word.as_str() {
                "and" => Token::And,
                "or" => Token::Or,
                "not" => Token::Not,
                _ => Token::Name(word),
            };
            Ok((token, len))
        }
        c => Err((1, format!("'{}' means nothing here", c.escape_default()))),
    }
}

fn run_of(rest: &[char], belongs: impl Fn(char) -> bool) -> usize {
    rest.iter().take_while(|c| belongs(**c)).count()
}

fn number(rest: &[char]) -> Result<(Token, usize), (usize, String)> {
    let sign = usize::from(rest.first().is_some_and(|c| *c == '-' || *c == '+'));
    let digits = run_of(rest.get(sign..).unwrap_or_default(), |c| c.is_alphanumeric() || c == '.' || c == '_');
    let len = sign + digits;
    let text: String = rest.iter().take(len).filter(|c| **c != '_').collect();
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok((Token::Number(number), len)),
        Ok(_) | Err(_) => Err((len.max(1), format!("'{text}' is no number: expected one like 3, -1.5 or 250_000"))),
    }
}

/// Reads pieces from the front.
struct Reader<'a> {
    text: &'a str,
    tokens: &'a [(Token, Place)],
    depth: usize,
}

impl Reader<'_> {
    fn error(&self, place: Place, what: impl Into<String>) -> UntilError {
        error(self.text, place, what)
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.first().map(|(token, _)| token)
    }

    /// The next piece; behind the last one, the place is the end.
    fn next(&mut self) -> (Option<Token>, Place) {
        match self.tokens.split_first() {
            Some(((token, place), rest)) => {
                self.tokens = rest;
                (Some(token.clone()), *place)
            }
            None => (None, Place { at: self.text.trim_end().chars().count(), len: 1 }),
        }
    }

    fn any(&mut self) -> Result<Expr, UntilError> {
        let first = self.all()?;
        let mut parts = vec![first];
        while self.peek() == Some(&Token::Or) {
            self.next();
            parts.push(self.all()?);
        }
        Ok(alone(parts).unwrap_or_else(Expr::Any))
    }

    fn all(&mut self) -> Result<Expr, UntilError> {
        let mut parts = vec![self.one()?];
        while self.peek() == Some(&Token::And) {
            self.next();
            parts.push(self.one()?);
        }
        Ok(alone(parts).unwrap_or_else(Expr::All))
    }

    fn one(&mut self) -> Result<Expr, UntilError> {
        self.depth += 1;
        let (token, place) = self.next();
        if self.depth > DEEPEST {
            return Err(self.error(place, format!("this nests deeper than {DEEPEST} levels")));
        }
        let expr = match token {
            Some(Token::Not) => self.one().map(|inner| Expr::Not(Box::new(inner))),
            Some(Token::Open) => self.inside(place),
            other => self.comparison(other, place),
        };
        self.depth -= 1;
        expr
    }

    fn inside(&mut self, open: Place) -> Result<Expr, UntilError> {
        let inner = self.any()?;
        match self.next() {
            (Some(Token::Close), _) => Ok(inner),
            (Some(_), place) => Err(self.error(place, "expected 'and', 'or' or ')' here")),
            (None, _) => Err(self.error(open, "this '(' is never closed")),
        }
    }

    fn comparison(&mut self, token: Option<Token>, place: Place) -> Result<Expr, UntilError> {
        let (left, left_place) = (self.operand(token, place)?, place);
        let Some(Token::Comparison(comparison)) = self.peek().cloned() else {
            return match left {
                Operand::Field(field) if field.form() == Form::Flag => Ok(Expr::Flag(field)),
                Operand::Field(_) | Operand::Value(_) => {
                    let (_, place) = self.next();
                    Err(self.error(place, "expected a comparison here: ==, !=, <, <=, > or >="))
                }
            };
        };
        let (_, comparison_place) = self.next();
        let (token, right_place) = self.next();
        let right = self.operand(token, right_place)?;
        self.check(&left, left_place, &right, right_place)?;
        self.check(&right, right_place, &left, left_place)?;
        let ordered = match comparison {
            Comparison::Equal | Comparison::NotEqual => false,
            Comparison::Less | Comparison::LessOrEqual | Comparison::Greater | Comparison::GreaterOrEqual => true,
        };
        match (&left, &right) {
            (Operand::Value(_), Operand::Value(_)) => {
                Err(self.error(left_place, "neither side names a field: name one, like order.status"))
            }
            (Operand::Field(field), _) | (_, Operand::Field(field)) => match field.form() {
                Form::Name | Form::Word | Form::Flag if ordered => {
                    let what = format!("{} is no number: compare it with == or !=", field.name());
                    Err(self.error(comparison_place, what))
                }
                Form::Name | Form::Word | Form::Flag | Form::Number | Form::Time => {
                    Ok(Expr::Compare(left, comparison, right))
                }
            },
        }
    }

    fn operand(&self, token: Option<Token>, place: Place) -> Result<Operand, UntilError> {
        match token {
            Some(Token::Text(text)) => Ok(Operand::Value(Value::Text(text))),
            Some(Token::Number(number)) => Ok(Operand::Value(Value::Number(number))),
            Some(Token::Name(name)) => match (name.as_str(), Field::parse(&name)) {
                ("true", _) => Ok(Operand::Value(Value::Flag(true))),
                ("false", _) => Ok(Operand::Value(Value::Flag(false))),
                (_, Some(field)) => Ok(Operand::Field(field)),
                (_, None) if name.contains('.') => Err(self.error(place, unknown(&name))),
                (_, None) => {
                    Err(self.error(place, format!("there is no field '{name}'; a text stands in quotes: \"{name}\"")))
                }
            },
            Some(Token::And | Token::Or | Token::Not | Token::Open | Token::Close | Token::Comparison(_)) | None => {
                Err(self.error(place, "expected a field like order.status, a \"text\" or a number here"))
            }
        }
    }

    /// Whether what a field is compared with can be a value of it.
    fn check(&self, one: &Operand, at: Place, other: &Operand, other_at: Place) -> Result<(), UntilError> {
        let Operand::Field(field) = one else { return Ok(()) };
        let (name, words) = (field.name(), field.words());
        let told = |what: String| Err(self.error(other_at, what));
        match (field.form(), other) {
            (form, Operand::Field(other)) if kin(form) == kin(other.form()) => Ok(()),
            (_, Operand::Field(other)) => {
                Err(self.error(at, format!("{name} and {} are not of one kind", other.name())))
            }
            (Form::Word, Operand::Value(Value::Text(text))) if words.contains(&text.as_str()) => Ok(()),
            (Form::Word, Operand::Value(_)) => told(format!("{name} is one of {}", quoted(&words))),
            (Form::Name, Operand::Value(Value::Text(_))) | (Form::Number, Operand::Value(Value::Number(_))) => Ok(()),
            (Form::Time, Operand::Value(Value::Text(text))) if is_time(text) => Ok(()),
            (Form::Flag, Operand::Value(Value::Flag(_))) => Ok(()),
            (Form::Name, Operand::Value(_)) => told(format!("{name} is a text: put it in quotes")),
            (Form::Number, Operand::Value(_)) => told(format!("{name} is a number: write it without quotes")),
            (Form::Time, Operand::Value(_)) => told(format!("{name} is a time of day in IST like \"09:30:00\"")),
            (Form::Flag, Operand::Value(_)) => told(format!("{name} is true or false, without quotes")),
        }
    }
}

/// Fields that can be compared with each other have one kin.
fn kin(form: Form) -> u8 {
    match form {
        Form::Name | Form::Word => 0,
        Form::Number => 1,
        Form::Time => 2,
        Form::Flag => 3,
    }
}

/// `HH:MM:SS`, which sorts as it passes.
fn is_time(text: &str) -> bool {
    let parts: Vec<Option<u8>> =
        text.split(':').map(|part| if part.len() == 2 { part.parse().ok() } else { None }).collect();
    matches!(parts.as_slice(), [Some(0..=23), Some(0..=59), Some(0..=59)])
}

fn unknown(name: &str) -> String {
    let (group, _) = name.split_once('.').unwrap_or((name, ""));
    let prefix = format!("{group}.");
    let of_group: Vec<&str> =
        Field::ALL.iter().map(|field| field.name()).filter(|one| one.starts_with(&prefix)).collect();
    if of_group.is_empty() {
        let mut groups: Vec<&str> = Field::ALL.iter().filter_map(|field| field.name().split('.').next()).collect();
        groups.dedup();
        return format!(
            "there is no {name}: fields are of {}; did you mean {}?",
            groups.join(", "),
            Field::nearest(name)
        );
    }
    format!("there is no {name}: did you mean {}? There are {}", Field::nearest(name), of_group.join(", "))
}

fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ")
}

/// The only one of some; else all of them.
fn alone(mut parts: Vec<Expr>) -> Result<Expr, Vec<Expr>> {
    match (parts.len(), parts.pop()) {
        (1, Some(one)) => Ok(one),
        (_, Some(last)) => {
            parts.push(last);
            Err(parts)
        }
        (_, None) => Err(parts),
    }
}
