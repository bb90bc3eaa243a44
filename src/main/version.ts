/** Put in by the build; not there when the source is run as it is. */
declare const PACKAGE_VERSION: string | undefined;

/** The package's version. */
export const VERSION = typeof PACKAGE_VERSION === 'string' ? PACKAGE_VERSION : '0.0.0-development';
