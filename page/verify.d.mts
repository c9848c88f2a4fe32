export function differences(folder: string, built: ReadonlyMap<string, Buffer>): Promise<string[]>;
