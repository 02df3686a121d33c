// Judge proofs of the state tree with the reference implementation of ICS-23.
//
// Reads one JSON object a line: root (hex), key, value (null where absence is claimed) and proof.
// Writes one line for each: true or false. What the object leaves out is constant under SmtSpec.
package main

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"

	ics23 "github.com/cosmos/ics23/go"
)

type step struct {
	Prefix string `json:"prefix"`
	Suffix string `json:"suffix"`
}

type existence struct {
	Key   string `json:"key"`
	Value string `json:"value"`
	Path  []step `json:"path"`
}

type absence struct {
	Left  *existence `json:"left"`
	Right *existence `json:"right"`
}

type claim struct {
	Root  string  `json:"root"`
	Key   string  `json:"key"`
	Value *string `json:"value"`
	Proof struct {
		Exist    *existence `json:"exist"`
		Nonexist *absence   `json:"nonexist"`
	} `json:"proof"`
}

func raw(text string) []byte {
	data, err := hex.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return data
}

func (e *existence) proof() *ics23.ExistenceProof {
	if e == nil {
		return nil
	}
	made := &ics23.ExistenceProof{
		Key:   []byte(e.Key),
		Value: []byte(e.Value),
		Leaf:  ics23.SmtSpec.LeafSpec,
	}
	for _, each := range e.Path {
		made.Path = append(made.Path, &ics23.InnerOp{
			Hash:   ics23.HashOp_SHA256,
			Prefix: raw(each.Prefix),
			Suffix: raw(each.Suffix),
		})
	}
	return made
}

// The library panics on some malformed proofs; for a verifier that is a refusal.
func verdict(c *claim) (valid bool) {
	defer func() {
		if recover() != nil {
			valid = false
		}
	}()
	root := ics23.CommitmentRoot(raw(c.Root))
	if c.Value != nil {
		proof := &ics23.CommitmentProof{Proof: &ics23.CommitmentProof_Exist{Exist: c.Proof.Exist.proof()}}
		return ics23.VerifyMembership(ics23.SmtSpec, root, proof, []byte(c.Key), []byte(*c.Value))
	}
	proof := &ics23.CommitmentProof{Proof: &ics23.CommitmentProof_Nonexist{
		Nonexist: &ics23.NonExistenceProof{
			Key:   []byte(c.Key),
			Left:  c.Proof.Nonexist.Left.proof(),
			Right: c.Proof.Nonexist.Right.proof(),
		},
	}}
	return ics23.VerifyNonMembership(ics23.SmtSpec, root, proof, []byte(c.Key))
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var c claim
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		fmt.Println(verdict(&c))
	}
}
