// Networks of the named detectors, as far as they tell a detector without a name from each of them.

type Settings = Readonly<Record<string, unknown>>;

const RESNET_101 = { depth: 101, groups: 1, widthPerGroup: 64, stageWidth: 256 } as const;
const RESNEXT_101 = { depth: 101, groups: 64, widthPerGroup: 4, stageWidth: 256 } as const;
const RESNEXT_152 = { depth: 152, groups: 32, widthPerGroup: 8, stageWidth: 256 } as const;

/** Parts of the settings by name. The way that regions are chosen is left out: the same weights may be used in several. */
export const DETECTOR_NETWORKS: Readonly<Record<string, Settings>> = {
  'vg-r101-c4': { backbone: RESNET_101, pyramid: 0, classes: 1600, feature: 'mean' },
  'mmf-x101': { backbone: RESNEXT_101, pyramid: 512, classes: 1600, feature: 'fc6' },
  'mmf-x152': { backbone: RESNEXT_152, pyramid: 512, classes: 1600, feature: 'fc6' },
  'detectron1-r101-fpn': { backbone: RESNET_101, pyramid: 256, classes: 80, feature: 'fc6' },
  'coco-r101-fpn': { backbone: RESNET_101, pyramid: 256, classes: 80, feature: 'fc7' },
  'coco-r101-fpn-notebook': { backbone: RESNET_101, pyramid: 256, classes: 80, feature: 'fc7-linear' },
};

/** A detector whose network may be known: by its name, or by its settings. */
interface Described {
  readonly name: string | null;
  readonly settings?: Settings;
}

/** Whether the settings of one detector show that it is not the other, a named one. */
export function haveOtherNetworks(a: Described, b: Described): boolean {
  return differs(a.settings, networkOf(b)) || differs(b.settings, networkOf(a));
}

function networkOf({ name }: Described): Settings | undefined {
  return name !== null && Object.hasOwn(DETECTOR_NETWORKS, name) ? DETECTOR_NETWORKS[name] : undefined;
}

/** Whether settings have another value than the network's. Unknown ones do not count. */
function differs(settings: unknown, network: unknown): boolean {
  if (settings === undefined || network === undefined) return false;
  if (typeof network !== 'object' || network === null) return settings !== network;
  const given = (typeof settings === 'object' ? settings : null) ?? {};
  return Object.entries(network).some(([key, value]) => differs((given as Settings)[key], value));
}
