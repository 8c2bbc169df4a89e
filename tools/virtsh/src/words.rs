//! From a line of text to commands: quoting, escapes, comments and separators, as virsh reads them.

use crate::failure::Failure;

/// The words of each command in `text`. Commands end at `;` and at the end of a line; empty ones are dropped.
///
/// `'..'` keeps everything, `".."` everything but `\`, which keeps the next character; a `\` before the end of a line
/// joins the lines; `#` at the start of a word begins a comment, which ends with its line. As in virsh, a `'` that is
/// never closed ends with the text.
///
/// # Errors
///
/// A `"` that is never closed, a `\` with nothing behind it.
pub fn split(text: &str) -> Result<Vec<Vec<String>>, Failure> {
    let mut commands = Vec::new();
    let mut words = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(&next) = rest.peek() {
        match next {
            ' ' | '\t' => {
                rest.next();
            }
            ';' | '\n' => {
                rest.next();
                finish(&mut commands, &mut words);
            }
            '#' => while rest.next_if(|&c| c != '\n').is_some() {},
            _ => words.extend(word(&mut rest)?),
        }
    }
    finish(&mut commands, &mut words);
    Ok(commands)
}

fn finish(commands: &mut Vec<Vec<String>>, words: &mut Vec<String>) {
    if !words.is_empty() {
        commands.push(std::mem::take(words));
    }
}

/// One word; none where there was only a joined line.
fn word(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Option<String>, Failure> {
    let mut word = String::new();
    let mut quoted = false;
    let mut double = false;
    while let Some(c) = rest.next_if(|&c| double || !matches!(c, ' ' | '\t' | '\n' | ';')) {
        match c {
            '\\' => match rest.next() {
                Some('\n') => {}
                Some(c) => word.push(c),
                None => return Err(Failure::usage("dangling \\")),
            },
            '"' => {
                double = !double;
                quoted = true;
            }
            '\'' if !double => {
                quoted = true;
                word.extend(rest.by_ref().take_while(|&c| c != '\''));
            }
            c => word.push(c),
        }
    }
    if double {
        return Err(Failure::usage("missing \""));
    }
    Ok((quoted || !word.is_empty()).then_some(word))
}

/// `word` so that a shell reads it as it is.
pub fn quote_for_shell(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "%+,-./:=@_".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(text: &str, expected: Expect) {
        let shown = match split(text) {
            Ok(commands) => commands.iter().map(|words| format!("{words:?}\n")).collect(),
            Err(failure) => failure.to_string(),
        };
        expected.assert_eq(&shown);
    }

    #[test]
    fn quotes_are_removed() {
        check(
            r#"echo "a \"b" 'c \" d' e\ f 'g'"h"i"#,
            expect![[r#"
                ["echo", "a \"b", "c \\\" d", "e f", "ghi"]
            "#]],
        );
        check(
            "echo ''",
            expect![[r#"
            ["echo", ""]
        "#]],
        );
    }

    #[test]
    fn commands_end_at_semicolons_and_lines() {
        check(
            ";; a;b \\; c\nd;",
            expect![[r#"
            ["a"]
            ["b", ";", "c"]
            ["d"]
        "#]],
        );
    }

    #[test]
    fn comments_end_with_their_line() {
        check(
            "a # b\\\nc#d '#'",
            expect![[r##"
            ["a"]
            ["c#d", "#"]
        "##]],
        );
    }

    #[test]
    fn lines_are_joined_by_a_backslash() {
        check(
            "ec\\\nho \\\n b 'c\\\nd' \"e\\\nf\"",
            expect![[r#"
            ["echo", "b", "c\\\nd", "ef"]
        "#]],
        );
    }

    #[test]
    fn what_is_left_open_is_refused() {
        check("list \"abc", expect!["error: missing \""]);
        check("list \\", expect!["error: dangling \\"]);
    }
}
