# The sample release has no generator of its own; the provider reads the
# version here, as it does in a real release.
DCOS_VERSION = '@DCOS_VERSION@'

entry = {
    'must': {
        'dcos_version': DCOS_VERSION,
        'dcos_variant': 'open',
    },
}
