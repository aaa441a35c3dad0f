import { Dialog } from "../shared/Dialog.tsx"
import { WorkspaceChoice } from "./WorkspaceChoice.tsx"

/** The way to another workspace, before everything else. */
export const WorkspaceDialog = ({ onClose }: { readonly onClose: () => void }) => (
  <Dialog open onOpenChange={onClose} title="Choose a workspace">
    <WorkspaceChoice onChosen={onClose} />
  </Dialog>
)
