//! One module a topic.
