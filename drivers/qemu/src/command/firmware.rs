//! Firmware in flash memory: one node for its code, one for its variables.

use virt_conf::model::{DiskSource, FileDiskSource, FirmwareFormat, LoaderType, StorageFormat};
use virt_util::Result;

use super::builder::Builder;
use super::image::{Below, Image, NodeNumbers};

/// The format of an image as disks spell it.
fn storage_format(format: Option<FirmwareFormat>) -> StorageFormat {
    match format {
        Some(FirmwareFormat::Qcow2) => StorageFormat::Qcow2,
        Some(FirmwareFormat::Raw) | None => StorageFormat::Raw,
    }
}

impl Builder<'_, '_> {
    /// Whether firmware is in flash memory.
    fn has_pflash(&self) -> bool {
        self.domain.os.loader.as_ref().is_some_and(|loader| loader.kind == Some(LoaderType::Pflash))
    }

    /// The sources of code and variables.
    fn pflash_sources(&self) -> (Option<DiskSource>, Option<DiskSource>) {
        if !self.has_pflash() {
            return (None, None);
        }
        let file = |path: &str| {
            DiskSource::File(FileDiskSource { file: Some(path.to_owned()), ..FileDiskSource::default() })
        };
        let os = &self.domain.os;
        let code = os.loader.as_ref().map(|loader| file(&loader.path));
        let variables = os.nvram.as_ref().and_then(|nvram| match &nvram.source {
            Some(source) => Some(source.clone()),
            None if nvram.path.is_empty() => None,
            None => Some(file(&nvram.path)),
        });
        (code, variables)
    }

    fn pflash_images<'s>(
        &self,
        code: Option<&'s DiskSource>,
        variables: Option<&'s DiskSource>,
    ) -> [Option<Image<'s>>; 2] {
        let os = &self.domain.os;
        let code = code.map(|source| {
            let loader = os.loader.as_ref();
            let mut image = Image::new(
                source,
                Some(storage_format(loader.and_then(|loader| loader.format))),
                "libvirt-pflash0".into(),
            );
            image.readonly = loader.is_some_and(|loader| loader.readonly == Some(true));
            image.force_format = true;
            image
        });
        let variables = variables.map(|source| {
            let format = storage_format(os.nvram.as_ref().and_then(|nvram| nvram.format));
            let mut image = Image::new(source, Some(format), "libvirt-pflash1".into());
            image.force_format = NodeNumbers::new(self.caps, 0).format_layers();
            image
        });
        let mut images = [code, variables];
        for image in images.iter_mut().flatten() {
            image.below = Below::End;
        }
        images
    }

    /// Adds the nodes of flash memory.
    pub(crate) fn pflash(&mut self) -> Result<()> {
        let (code, variables) = self.pflash_sources();
        for image in self.pflash_images(code.as_ref(), variables.as_ref()).iter().flatten() {
            self.image_chain(image)?;
        }
        Ok(())
    }

    /// The nodes that the machine opens for code and variables.
    pub(crate) fn pflash_nodes(&self) -> [Option<String>; 2] {
        let (code, variables) = self.pflash_sources();
        let images = self.pflash_images(code.as_ref(), variables.as_ref());
        images.map(|image| image.map(|image| image.effective_node()))
    }
}
