//! New values in a file of pins, and not one other byte changed: a diff is to show what upstream says and nothing else.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde_json::value::RawValue;

/// `text` with these values at these places (RFC 6901 pointers), which must exist.
///
/// # Errors
/// A place that is not there.
pub(crate) fn rewritten(text: &str, values: &[(&str, &str)]) -> Result<String> {
    let mut places = Vec::new();
    for (pointer, value) in values {
        let raw = at(text, pointer).with_context(|| format!("the pins have no {pointer}"))?;
        // What serde borrows lies in the text that it was given.
        let start = raw.as_ptr() as usize - text.as_ptr() as usize;
        places.push((start, raw.len(), serde_json::to_string(value)?));
    }
    places.sort();
    let (mut result, mut end) = (String::with_capacity(text.len()), 0);
    for (start, length, value) in places {
        result.push_str(&text[end..start]);
        result.push_str(&value);
        end = start + length;
    }
    result.push_str(&text[end..]);
    Ok(result)
}

/// The part of the text that is the value at this place.
fn at<'text>(text: &'text str, pointer: &str) -> Result<&'text str> {
    let mut value: &RawValue = serde_json::from_str(text)?;
    for part in pointer.split('/').skip(1) {
        let part = part.replace("~1", "/").replace("~0", "~");
        value = if value.get().starts_with('[') {
            let items: Vec<&RawValue> = serde_json::from_str(value.get())?;
            part.parse().ok().and_then(|number: usize| items.get(number).copied())
        } else {
            let fields: BTreeMap<String, &RawValue> = serde_json::from_str(value.get())?;
            fields.get(&part).copied()
        }
        .with_context(|| format!("there is no {part:?}"))?;
    }
    Ok(value.get())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;
    use crate::pins::Pins;

    #[test]
    fn only_the_values_change_whatever_the_layout_is() {
        let text = "{ \"b\":{\"x/y\" :null,\n\t\"c\" : [ {\"d\":\"old\"} , 1 ]},\"a\":\"old\" }\n\n";
        let new = rewritten(text, &[("/b/c/0/d", "one"), ("/b/x~1y", "t\"wo"), ("/a", "three")]).unwrap();
        assert_eq!(new, "{ \"b\":{\"x/y\" :\"t\\\"wo\",\n\t\"c\" : [ {\"d\":\"one\"} , 1 ]},\"a\":\"three\" }\n\n");
    }

    #[test]
    fn the_built_in_pins_change_in_one_line() {
        let new = rewritten(Pins::BUILT_IN, &[("/images/postgres/digest", "sha256:new")]).unwrap();
        let differ: Vec<(&str, &str)> =
            Pins::BUILT_IN.lines().zip(new.lines()).filter(|(old, new)| old != new).collect();
        assert_eq!(differ.len(), 1);
        assert_eq!(differ[0].1, r#"      "digest": "sha256:new","#);
        assert_eq!(Pins::BUILT_IN.lines().count(), new.lines().count());
    }

    #[test]
    fn a_place_that_is_not_there_is_an_error() {
        for pointer in ["/nothing", "/images/postgres/digest/deeper", "/chart/files/99/sha256", "/chart/files/x"] {
            assert!(rewritten(Pins::BUILT_IN, &[(pointer, "x")]).is_err(), "{pointer}");
        }
    }
}
