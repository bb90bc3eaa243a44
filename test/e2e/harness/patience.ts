const { E2E_PATIENCE = '1' } = process.env;

/** How many times longer than on an ordinary machine everything may take: an emulated one is slow. */
export const PATIENCE = Number(E2E_PATIENCE);
