//! Crowd Query Language: `email = *@acme.test and (active = true or name = "ada")`.

use super::restriction::{Order, Restriction, Test, Unclear, compare};

const DEPTH_MAX: usize = 32;

/// An empty text asks for everything.
pub(super) fn read(text: &str) -> Result<Restriction, Unclear> {
    let tokens = tokens(text)?;
    if tokens.is_empty() {
        return Ok(Restriction::None);
    }
    let mut parser = Parser { tokens: &tokens, depth: 0 };
    let restriction = parser.any()?;
    match parser.tokens.first() {
        None => Ok(restriction),
        Some(token) => Err(unexpected(token)),
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Open,
    Close,
    Compare(Order),
    Word(String),
    Quoted(String),
}

fn tokens(text: &str) -> Result<Vec<Token>, Unclear> {
    let mut tokens = Vec::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        tokens.push(match letter {
            '(' => Token::Open,
            ')' => Token::Close,
            '=' => Token::Compare(Order::Same),
            '<' => Token::Compare(Order::Before),
            '>' => Token::Compare(Order::After),
            '"' | '\'' => Token::Quoted(quoted(letter, &mut letters)?),
            _ if letter.is_whitespace() => continue,
            _ => {
                let mut word = String::from(letter);
                while let Some(letter) = letters.next_if(|it| !ends_word(*it)) {
                    word.push(letter);
                }
                Token::Word(word)
            }
        });
    }
    Ok(tokens)
}

fn ends_word(letter: char) -> bool {
    letter.is_whitespace() || "()=<>\"'".contains(letter)
}

/// A backslash takes the next letter as it is.
fn quoted(quote: char, letters: &mut impl Iterator<Item = char>) -> Result<String, Unclear> {
    let mut text = String::new();
    loop {
        match letters.next() {
            Some('\\') => text.extend(letters.next()),
            Some(letter) if letter == quote => return Ok(text),
            Some(letter) => text.push(letter),
            None => return Err(Unclear(format!("the {quote} is not closed"))),
        }
    }
}

struct Parser<'a> {
    tokens: &'a [Token],
    depth: usize,
}

impl<'a> Parser<'a> {
    fn any(&mut self) -> Result<Restriction, Unclear> {
        let mut parts = vec![self.all()?];
        while self.takes_word("or") {
            parts.push(self.all()?);
        }
        Ok(one_or(parts, Restriction::Any))
    }

    fn all(&mut self) -> Result<Restriction, Unclear> {
        let mut parts = vec![self.one()?];
        while self.takes_word("and") {
            parts.push(self.one()?);
        }
        Ok(one_or(parts, Restriction::All))
    }

    fn one(&mut self) -> Result<Restriction, Unclear> {
        match self.next()? {
            Token::Open => {
                self.depth += 1;
                if DEPTH_MAX < self.depth {
                    return Err(Unclear(format!("it is nested deeper than {DEPTH_MAX}")));
                }
                let restriction = self.any()?;
                self.depth -= 1;
                match self.next()? {
                    Token::Close => Ok(restriction),
                    other @ (Token::Open
                    | Token::Compare(_)
                    | Token::Word(_)
                    | Token::Quoted(_)) => Err(unexpected(other)),
                }
            }
            Token::Word(name) | Token::Quoted(name) => self.property(name),
            other @ (Token::Close | Token::Compare(_)) => Err(unexpected(other)),
        }
    }

    fn property(&mut self, name: &str) -> Result<Restriction, Unclear> {
        let Token::Compare(order) = self.next()? else {
            return Err(Unclear(format!("`{name}` is not followed by `=`, `<` or `>`")));
        };
        let order = *order;
        let test = match self.next()? {
            Token::Word(word) if word.eq_ignore_ascii_case("null") => Test::IsAbsent,
            Token::Word(text) | Token::Quoted(text) => {
                let pieces: Vec<&str> = text.split('*').collect();
                compare(name, order, &pieces)?
            }
            other @ (Token::Open | Token::Close | Token::Compare(_)) => {
                return Err(unexpected(other));
            }
        };
        Ok(Restriction::Property { name: name.to_owned(), test })
    }

    fn next(&mut self) -> Result<&'a Token, Unclear> {
        let (token, rest) =
            self.tokens.split_first().ok_or_else(|| Unclear("it ends too early".to_owned()))?;
        self.tokens = rest;
        Ok(token)
    }

    fn takes_word(&mut self, wanted: &str) -> bool {
        let Some((Token::Word(word), rest)) = self.tokens.split_first() else { return false };
        let is_it = word.eq_ignore_ascii_case(wanted);
        if is_it {
            self.tokens = rest;
        }
        is_it
    }
}

fn one_or(
    mut parts: Vec<Restriction>,
    several: fn(Vec<Restriction>) -> Restriction,
) -> Restriction {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        last => {
            parts.extend(last);
            several(parts)
        }
    }
}

fn unexpected(token: &Token) -> Unclear {
    let text = match token {
        Token::Open => "(",
        Token::Close => ")",
        Token::Compare(Order::Same) => "=",
        Token::Compare(Order::Before) => "<",
        Token::Compare(Order::After) => ">",
        Token::Word(text) | Token::Quoted(text) => text,
    };
    Unclear(format!("`{text}` is not expected there"))
}
