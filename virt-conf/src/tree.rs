//! A model as a tree of libvirt's names and values, exactly as libvirt would write it: what comparison and conversion work
//! on, so that no type needs code of its own for them.

use crate::xml::{
    self, Describe, Element, FormatFlags, FormatOptions, ParseFlags, ParseOptions, RawElement, RawNode,
    Result, Shape,
};

/// One element.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    /// Its name, `qemu:arg`.
    pub name: String,
    /// In the order in which libvirt writes them.
    pub attrs: Vec<(String, String)>,
    /// Its text; empty where it has none.
    pub text: String,
    /// Likewise in order.
    pub children: Vec<Tree>,
    /// An element of somebody else's, word for word; then nothing else is set but the name.
    pub foreign: Option<RawElement>,
}

/// Written so that nothing the model holds is lost.
fn written() -> FormatOptions {
    let left_out = FormatFlags::INACTIVE | FormatFlags::MIGRATABLE | FormatFlags::UPDATE_CPU;
    FormatFlags::all().difference(left_out).into()
}

/// Read so that nothing of that is ignored. What a model may lack was checked when it was made: a running guest's is read without.
const READ: ParseFlags = ParseFlags::STATUS
    .union(ParseFlags::ACTUAL_NET)
    .union(ParseFlags::SKIP_VALIDATE)
    .union(ParseFlags::PCI_ORIG_STATES)
    .union(ParseFlags::NO_CAPACITY)
    .union(ParseFlags::REDEFINE);

impl Tree {
    /// Everything that `model` holds, passwords and what only a running object has included.
    ///
    /// # Errors
    ///
    /// When a text in it has no place in XML, a control character mostly.
    ///
    /// ```
    /// use virt_conf::{model::Kib, tree::Tree};
    ///
    /// let tree = Tree::of(&Kib(2048))?;
    /// assert_eq!((tree.name.as_str(), tree.text.as_str()), ("memory", "2048"));
    /// assert_eq!(tree.attr("unit"), Some("KiB"));
    /// # Ok::<(), virt_conf::xml::Error>(())
    /// ```
    pub fn of<T: Element>(model: &T) -> Result<Self> {
        Self::written(model, written())
    }

    /// What libvirt would write of `model` with these `options`.
    ///
    /// # Errors
    ///
    /// When a text in it has no place in XML, a control character mostly.
    pub fn written<T: Element>(model: &T, options: FormatOptions) -> Result<Self> {
        let raw: RawElement = xml::to_string(model, options).parse()?;
        Ok(Self::build(raw, |shape| T::describe(None, shape), &mut Vec::new()))
    }

    /// The model of this tree: the syntax alone, as [`xml::from_str`] reads it.
    ///
    /// # Errors
    ///
    /// When it is not a `T`. The error's place has no line, only a path.
    pub fn to_model<T: Element>(&self) -> Result<T> {
        let text = self.to_xml();
        let read = |flags| xml::from_str(&text, &ParseOptions::from(flags));
        // A running object's document must have what a definition cannot.
        let model = read(READ).or_else(|_| read(READ | ParseFlags::INACTIVE));
        model.map_err(|error| match error.place() {
            Some(place) => {
                let place = xml::Place { line: 0, column: 0, path: place.path.clone() };
                error.at(place)
            }
            None => error,
        })
    }

    /// The value of an attribute.
    #[must_use]
    pub fn attr(&self, name: &str) -> Option<&str> {
        self.attrs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The first child of this name.
    #[must_use]
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The value that a path like `target/@dev` or `lockspace` leads to.
    #[must_use]
    pub fn value(&self, path: &str) -> Option<&str> {
        match path.split_once('/') {
            Some((step, rest)) => self.child(step)?.value(rest),
            None => match path.strip_prefix('@') {
                Some(name) => self.attr(name),
                None => self.child(path).map(|child| child.text.as_str()),
            },
        }
    }

    /// This element as XML.
    #[must_use]
    pub fn to_xml(&self) -> String {
        let mut prefixes = Vec::new();
        self.prefixes(&mut prefixes);
        let declared = prefixes
            .into_iter()
            .filter_map(|prefix| Some((format!("xmlns:{prefix}"), xml::namespace(prefix)?.to_owned())));
        let mut raw = self.to_raw();
        raw.attributes.splice(0..0, declared);
        raw.to_string()
    }

    /// What the model knows of this element: the variants that its attributes pick.
    #[must_use]
    pub fn shape(&self, describe: Describe) -> Shape {
        Shape::picked(describe, |name| self.attr(name))
    }

    pub(crate) fn foreign(raw: RawElement) -> Self {
        Self { name: raw.name.clone(), foreign: Some(raw), ..Self::default() }
    }

    /// `around` are the declarations of namespaces that hold where it is.
    fn build(raw: RawElement, describe: Describe, around: &mut Vec<(String, String)>) -> Self {
        let known = |(name, uri): &(String, String)| {
            let prefix = name.strip_prefix("xmlns:");
            prefix.is_none_or(|prefix| xml::namespace(prefix) != Some(uri.as_str()))
        };
        let outer = around.len();
        let declares = |(name, _): &&(String, String)| name == "xmlns" || name.starts_with("xmlns:");
        around.extend(raw.attributes.iter().filter(declares).cloned());
        let mut this = Self { name: raw.name, ..Self::default() };
        this.attrs = raw.attributes.into_iter().filter(known).collect();
        let shape = this.shape(describe);
        for node in raw.content {
            match node {
                RawNode::Text(text) => this.text += &text,
                RawNode::Element(mut child) => {
                    let inside = shape.find_child(&child.name).map(|child| child.inside);
                    this.children.push(match inside.filter(|inside| !is_foreign(*inside)) {
                        Some(inside) => Self::build(child, inside, around),
                        None => {
                            child.declare(around.iter().rev().cloned());
                            Self::foreign(child)
                        }
                    });
                }
                RawNode::Comment(_) | RawNode::Instruction(..) => {}
            }
        }
        around.truncate(outer);
        this
    }

    fn to_raw(&self) -> RawElement {
        if let Some(foreign) = &self.foreign {
            return foreign.clone();
        }
        let text = (!self.text.is_empty()).then(|| RawNode::Text(self.text.clone()));
        let children = self.children.iter().map(|child| RawNode::Element(child.to_raw()));
        RawElement {
            name: self.name.clone(),
            attributes: self.attrs.clone(),
            content: text.into_iter().chain(children).collect(),
        }
    }

    fn prefixes<'a>(&'a self, found: &mut Vec<&'a str>) {
        if self.foreign.is_some() {
            return;
        }
        if let Some((prefix, _)) = self.name.split_once(':')
            && !found.contains(&prefix)
        {
            found.push(prefix);
        }
        self.children.iter().for_each(|child| child.prefixes(found));
    }
}

/// Whether the element that `inside` describes is somebody else's.
pub(crate) fn is_foreign(inside: Describe) -> bool {
    Shape::of_all(inside).is_foreign()
}
