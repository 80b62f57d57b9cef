//! The views of a value: as it is, and with its encodings undone, one round after the other.
//!
//! A round undoes percent escapes, character references, `\u` escapes and odd widths, in this order, whichever of them there are:
//! what is encoded in several ways at once is undone at once, and the number of views stays small. Around that, a value that
//! is base64, UTF-16, JSON, GraphQL or a form as a whole is opened, and what is inside is looked at like a value of its own.

use std::borrow::Cow;

use crate::bytes::{
    self, AMPERSAND, BACKSLASH, BRACKET, COLON, CONTROL, HIGH, MARK, PERCENT, PLAIN, QUOTE, SPACE, at, from,
    part,
};
use crate::detect_text;
use crate::finding::{Best, Coding, Families, Family, Finding, Hit, View};
use crate::text::{Place, Text};
use crate::{code, decode, graphql, json};

/// Rounds in which encodings are undone.
const ROUNDS: u8 = 3;
/// How deep values are opened.
const NESTS: u8 = 3;
/// Bytes of all views of a value, in multiples of its length, and beyond that.
const VIEWS: usize = 12;
const ROOM: usize = 4096;
/// Bytes that detectors read at once, and those that are read twice where a longer value is cut.
const WINDOW: usize = 16 * 1024;
const OVERLAP: usize = 1024;
/// The highest score, which nothing can exceed: only that ends a look early, since any other may be below a threshold.
const SURE: u8 = 10;

/// What is left of a value's bounds.
#[derive(Debug, Clone, Copy)]
struct Depth {
    rounds: u8,
    nests: u8,
}

/// Looks at a value in all its views.
pub(crate) struct Looker {
    skip: Families,
    left: usize,
    best: Option<Finding>,
    /// A finding and what it is of, where that is wanted.
    piece: Option<(Option<Finding>, Vec<u8>)>,
}

impl Looker {
    pub(crate) fn look(place: Place, value: &[u8], skip: Families) -> Option<Finding> {
        let mut looker = Self { skip, left: value.len() * VIEWS + ROOM, best: None, piece: None };
        looker.view(value, place, View::default(), Depth { rounds: ROUNDS, nests: NESTS });
        looker.best
    }

    pub(crate) fn explain(place: Place, value: &[u8], skip: Families) -> Option<(Finding, Vec<u8>)> {
        let room = value.len() * VIEWS + ROOM;
        let mut looker = Self { skip, left: room, best: None, piece: Some((None, Vec::new())) };
        looker.view(value, place, View::default(), Depth { rounds: ROUNDS, nests: NESTS });
        looker.best.zip(looker.piece.map(|(_, piece)| piece))
    }

    fn is_sure(&self) -> bool {
        self.best.is_some_and(|best| best.score >= SURE)
    }

    fn offer(&mut self, hit: Hit, view: View) {
        if !self.skip.has(hit.family) && self.best.is_none_or(|known| known.score < hit.score) {
            let Hit { family, rule, start, end, score } = hit;
            self.best = Some(Finding { family, rule, view, start, end, score });
        }
    }

    fn view(&mut self, value: &[u8], place: Place, view: View, depth: Depth) {
        self.keeping(value, |looker| looker.read(value, place, view, depth));
    }

    /// Keeps the piece of `value` in which something was found while it was looked at.
    fn keeping(&mut self, value: &[u8], look: impl FnOnce(&mut Self)) {
        let known = self.best;
        look(self);
        let (Some((kept, piece)), Some(best)) = (&mut self.piece, self.best) else { return };
        // What was found in a view inside of this one was kept there.
        if known != Some(best) && *kept != Some(best) {
            (*kept, *piece) = (Some(best), part(value, best.start, best.end).to_vec());
        }
    }

    #[inline]
    fn read(&mut self, value: &[u8], place: Place, view: View, depth: Depth) {
        let Some(mask) = self.survey(value, place, view, depth) else { return };
        if mask & (PERCENT | AMPERSAND | BACKSLASH | HIGH) != 0 {
            self.undo(value, mask, (place, view), depth);
        }
    }

    /// Looks at a value as it stands, and into what it is as a whole; which bytes are in it, while there is more to find.
    #[inline]
    fn survey(&mut self, value: &[u8], place: Place, view: View, depth: Depth) -> Option<u16> {
        if self.is_sure() || value.is_empty() {
            return None;
        }
        let Some(left) = self.left.checked_sub(value.len()) else {
            self.offer(evasion("unfolds", value), view);
            return None;
        };
        self.left = left;
        let mask = bytes::mask(value);
        if !harmless(value, mask, place) {
            // Only the strings of a value that is opened are looked at.
            let json = depth.nests > 0 && mask & BRACKET != 0 && json::is_whole(value);
            self.windows(value, &|window| Text::new(window, mask, place, view, json));
        }
        self.open(value, mask, (place, view), depth);
        Some(mask)
    }

    fn windows<'a>(&mut self, value: &'a [u8], text: &dyn Fn(&'a [u8]) -> Text<'a>) {
        let mut start = 0;
        loop {
            let text = text(part(value, start, start + WINDOW));
            let mut best = Best::new(self.skip);
            detect_text(&text, &mut best);
            if let Some(hit) = best.hit {
                self.offer(Hit { start: hit.start + start, end: hit.end + start, ..hit }, text.view);
            }
            start += WINDOW - OVERLAP;
            if self.is_sure() || start + OVERLAP >= value.len() {
                return;
            }
        }
    }

    /// One more round of undoing.
    fn undo(&mut self, value: &[u8], mask: u16, (place, mut view): (Place, View), depth: Depth) {
        type Undo = fn(&[u8]) -> Option<Vec<u8>>;
        const ORDER: [(u16, Coding, Undo); 5] = [
            (PERCENT, Coding::Percent, decode::strewn),
            (PERCENT, Coding::Percent, decode::percent),
            (HIGH | PERCENT, Coding::Width, decode::width),
            (AMPERSAND | PERCENT, Coding::Entities, decode::entities),
            (BACKSLASH | PERCENT, Coding::Escapes, decode::escapes),
        ];
        let mut undone: Cow<'_, [u8]> = Cow::Borrowed(value);
        let mut between = depth.rounds > 0;
        for (wanted, coding, undo) in ORDER {
            if mask & wanted == 0 {
                continue;
            }
            if let Some(decoded) = undo(&undone) {
                if let Cow::Owned(text) = &undone
                    && coding != Coding::Percent
                    && std::mem::take(&mut between)
                {
                    self.between(text, (place, view), depth);
                }
                undone = Cow::Owned(decoded);
                view = view.with(coding);
            }
        }
        let Cow::Owned(undone) = undone else { return };
        if depth.rounds == 0 {
            // Whoever encodes so often wants to be read by something that decodes so often.
            self.offer(evasion("layers", value), view);
            return;
        }
        self.view(&undone, place, view, Depth { rounds: depth.rounds - 1, ..depth });
    }

    /// Looks at what percent escapes stood for before another coding is undone in the same round, which may hide what they have
    /// shown: bytes of a UTF-16 text are no NULs any more, an overlong line end ends a comment. So too with what is escaped
    /// twice and more. A value that has no room left for that is not to blame for it.
    fn between(&mut self, text: &[u8], (place, view): (Place, View), depth: Depth) {
        if text.len() > self.left / 2 {
            return;
        }
        let depth = Depth { rounds: depth.rounds - 1, ..depth };
        let mut mask = None;
        self.keeping(text, |looker| mask = looker.survey(text, place, view, depth));
        if depth.rounds > 0 && mask.is_some_and(|mask| mask & PERCENT != 0) {
            let strewn = decode::strewn(text);
            let once = decode::percent(strewn.as_deref().unwrap_or(text)).or(strewn);
            if let Some(text) = once {
                self.between(&text, (place, view.with(Coding::Percent)), depth);
            }
        }
    }

    /// Opens what is something else as a whole.
    fn open(&mut self, value: &[u8], mask: u16, (place, view): (Place, View), depth: Depth) {
        let unwrapped = unwrap(value, mask);
        let bracketed = unwrapped.is_none() && mask & BRACKET != 0;
        let graphql = bracketed && mask & QUOTE != 0 && graphql::is_document(value);
        let json = bracketed && !graphql && json::resembles(value);
        let Some(nests) = depth.nests.checked_sub(1) else {
            // The value itself was read: of forms that is all, of JSON and GraphQL all but what their escapes stand for.
            if unwrapped.is_some() || (json || graphql) && mask & BACKSLASH != 0 {
                self.offer(evasion("layers", value), view);
            }
            return;
        };
        let depth = Depth { nests, ..depth };
        if let Some((coding, text)) = unwrapped {
            self.view(&text, place, view.with(coding), depth);
        } else if json {
            self.strings(value, view.with(Coding::Json), depth);
        } else if graphql {
            self.arguments(value, view.with(Coding::Graphql), depth);
        } else if mask & MARK != 0 && value.contains(&b'=') && mask & SPACE == 0 {
            self.pairs(value, view.with(Coding::Form), depth);
        }
    }

    /// Strings and names of a JSON text, well-formed or not.
    fn strings(&mut self, text: &[u8], view: View, depth: Depth) {
        let mut index = 0;
        while let Some(open) = memchr::memchr(b'"', from(text, index)).map(|offset| index + offset) {
            let (end, escaped) = json::string_end(text, open);
            let inside = part(text, open + 1, end);
            let name = at(text, bytes::skip_space(text, end + 1)) == b':';
            let place = if name { Place::Name } else { Place::Value };
            if escaped {
                self.view(&json::unescaped(inside), place, view, depth);
            } else {
                self.view(inside, place, view, depth);
            }
            index = end + 1;
        }
    }

    /// Strings of a GraphQL document: what its arguments hold.
    fn arguments(&mut self, text: &[u8], view: View, depth: Depth) {
        let mut index = 0;
        while let Some(((start, end), after)) = graphql::next(text, index) {
            let inside = part(text, start, end);
            if memchr::memchr(b'\\', inside).is_some() {
                self.view(&json::unescaped(inside), Place::Value, view, depth);
            } else {
                self.view(inside, Place::Value, view, depth);
            }
            index = after;
        }
    }

    /// Names and values of a form or a query.
    fn pairs(&mut self, text: &[u8], view: View, depth: Depth) {
        let query = text.iter().position(|byte| *byte == b'?').map_or(text, |mark| from(text, mark + 1));
        for pair in query.split(|byte| *byte == b'&') {
            let Some(sign) = pair.iter().position(|byte| *byte == b'=') else { continue };
            let (name, value) = (part(pair, 0, sign), from(pair, sign + 1));
            if name.is_empty()
                || !name
                    .iter()
                    .all(|byte| bytes::is_word(*byte) || matches!(byte, b'[' | b']' | b'$' | b'.' | b'-'))
            {
                continue;
            }
            self.view(name, Place::Name, view, depth);
            self.view(&form_decoded(value), Place::Value, view, depth);
        }
    }
}

/// What a value holds that is UTF-16 or base64 as a whole.
fn unwrap(value: &[u8], mask: u16) -> Option<(Coding, Vec<u8>)> {
    if mask & (CONTROL | HIGH) != 0
        && let Some(text) = decode::utf16(value)
    {
        return Some((Coding::Utf16, text));
    }
    let lettered = mask & !(PLAIN | COLON | MARK | bytes::SLASH) == 0 || value.starts_with(b"data:");
    lettered.then(|| decode::base64(value)).flatten().map(|text| (Coding::Base64, text))
}

/// What is left unread, behind which there may be anything: it refuses whatever the threshold.
fn evasion(rule: &'static str, value: &[u8]) -> Hit {
    Hit { family: Family::Evasion, rule, start: 0, end: value.len(), score: SURE }
}

/// Whether nothing in these bytes can be an attack: letters, digits and the marks of numbers, names and addresses.
fn harmless(value: &[u8], mask: u16, place: Place) -> bool {
    if mask & !(PLAIN | HIGH | COLON) != 0 || value.contains(&b'+') {
        return false;
    }
    let dots =
        memchr::memmem::find(value, b"..").is_some() || place == Place::Path && value.starts_with(b".");
    !dots && !value.starts_with(b"__") && !value.ends_with(b"--") && !code::is_member(value)
}

/// A name or value of a query or a form as its reader gets it: `+` is a space, percent escapes are undone.
#[must_use]
pub fn form_decoded(value: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'+', value).is_none() {
        return percent_decoded(value);
    }
    let spaced: Vec<u8> = value.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    Cow::Owned(decode::percent(&spaced).unwrap_or(spaced))
}

/// A segment of a path as its reader gets it: percent escapes are undone, broken ones stand for themselves.
#[must_use]
pub fn percent_decoded(value: &[u8]) -> Cow<'_, [u8]> {
    decode::percent(value).map_or(Cow::Borrowed(value), Cow::Owned)
}
