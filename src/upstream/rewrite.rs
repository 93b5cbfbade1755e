//! New values in a file of pins or a stack, and not one other byte changed: a diff is to show what upstream says and nothing else.

use anyhow::{Context as _, Result};

use crate::stack::{place_of, quoted_as};

/// `text`, YAML or JSON, with these values at these places (RFC 6901 pointers), which must exist.
///
/// # Errors
/// A place that is not there.
pub(crate) fn rewritten(text: &str, values: &[(&str, &str)]) -> Result<String> {
    let mut places = Vec::new();
    for (pointer, value) in values {
        let place = place_of(text, pointer).with_context(|| {
            format!("there is no value at {pointer} that could be replaced: null stands for one that is to come")
        })?;
        let value = quoted_as(text, &place, value);
        places.push((place, value));
    }
    places.sort_by_key(|(place, _)| place.start);
    let (mut result, mut end) = (String::with_capacity(text.len()), 0);
    for (place, value) in places {
        result.push_str(&text[end..place.start]);
        result.push_str(&value);
        end = place.end;
    }
    result.push_str(&text[end..]);
    Ok(result)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;
    use crate::stack::Stack;

    #[test]
    fn only_the_values_change_whatever_the_layout_is() {
        let text = "{ \"b\":{\"x/y\" :null,\n\t\"c\" : [ {\"d\":\"old\"} , 1 ]},\"a\":\"old\" }\n\n";
        let new = rewritten(text, &[("/b/c/0/d", "one"), ("/b/x~1y", "t\"wo"), ("/a", "three")]).unwrap();
        assert_eq!(new, "{ \"b\":{\"x/y\" :\"t\\\"wo\",\n\t\"c\" : [ {\"d\":\"one\"} , 1 ]},\"a\":\"three\" }\n\n");
    }

    #[test]
    fn the_built_in_stack_changes_in_the_lines_of_the_values() {
        let values = [("/images/postgres/digest", "sha256:new"), ("/tools/kind/platforms/linux~1arm64/sha256", "0new")];
        let new = rewritten(Stack::PGEDGE, &values).unwrap();
        let differ: Vec<&str> =
            Stack::PGEDGE.lines().zip(new.lines()).filter(|(old, new)| old != new).map(|(_, new)| new).collect();
        assert_eq!(differ, ["        sha256: 0new", "    digest: sha256:new"]);
        assert_eq!(Stack::PGEDGE.lines().count(), new.lines().count());
    }

    #[test]
    fn a_place_that_is_not_there_is_an_error() {
        for pointer in ["/nothing", "/images/postgres/digest/deeper", "/chart/files/99/sha256", "/chart/files/x"] {
            assert!(rewritten(Stack::PGEDGE, &[(pointer, "x")]).is_err(), "{pointer}");
        }
    }
}
