// Judge notes, cosignatures, log proofs and published tiles with implementations by others.
//
// Reads one JSON object a line and writes one line for each: true or false.
//
//	{"kind": "note", "note", "key"}            a plain Ed25519 signature (golang.org/x/mod)
//	{"kind": "cosignature", "note", "key"}     type 0x04 or 0x06 (transparency-dev/formats)
//	{"kind": "proof", "proof", "entry"}        a tlog-proof of an entry (both)
//	{"kind": "tree", "path", ...}              a consistency proof between two sizes
//	{"kind": "tiles", "folder", "size", "root", "index", "leaf"}   static tlog-tiles on disk
package main

import (
	"bufio"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/transparency-dev/formats/log"
	cosignature "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/formats/proof"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type claim struct {
	Kind   string   `json:"kind"`
	Note   string   `json:"note"`
	Key    string   `json:"key"`
	Proof  string   `json:"proof"`
	Entry  string   `json:"entry"`
	Path   []string `json:"path"`
	Size   int64    `json:"size"`
	Root   string   `json:"root"`
	First  int64    `json:"first"`
	Before string   `json:"before"`
	Folder string   `json:"folder"`
	Index  int64    `json:"index"`
	Leaf   string   `json:"leaf"`
}

func digest(text string) (found tlog.Hash) {
	data, _ := hex.DecodeString(text)
	copy(found[:], data)
	return found
}

func opened(text string, verifier note.Verifier, err error) bool {
	if err != nil {
		return false
	}
	_, err = note.Open([]byte(text), note.VerifierList(verifier))
	return err == nil
}

func proved(told claim) bool {
	var found proof.TLogProof
	if found.Unmarshal([]byte(told.Proof)) != nil {
		return false
	}
	var head log.Checkpoint
	if _, err := head.Unmarshal(found.Checkpoint); err != nil {
		return false
	}
	var path tlog.RecordProof
	for _, each := range found.Hashes {
		path = append(path, tlog.Hash(each))
	}
	entry, _ := base64.StdEncoding.DecodeString(told.Entry)
	root := tlog.Hash(head.Hash)
	return tlog.CheckRecord(path, int64(head.Size), root, int64(found.Index), tlog.RecordHash(entry)) == nil
}

type folder string

func (f folder) Height() int { return 8 }

func (f folder) SaveTiles([]tlog.Tile, [][]byte) {}

// ReadTiles names a tile as tlog-tiles does: its path without the tile height.
func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, each := range tiles {
		name := strings.Replace(each.Path(), "tile/8/", "tile/", 1)
		data, err := os.ReadFile(filepath.Join(string(f), name))
		if err != nil && each.W < 256 {
			whole := strings.TrimSuffix(name, ".p/"+strconv.Itoa(each.W))
			data, err = os.ReadFile(filepath.Join(string(f), whole))
			if err == nil {
				data = data[:each.W*32]
			}
		}
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

func tiled(told claim) bool {
	tree := tlog.Tree{N: told.Size, Hash: digest(told.Root)}
	reader := tlog.TileHashReader(tree, folder(told.Folder))
	path, err := tlog.ProveRecord(told.Size, told.Index, reader)
	if err != nil {
		return false
	}
	return tlog.CheckRecord(path, told.Size, tree.Hash, told.Index, digest(told.Leaf)) == nil
}

func judge(told claim) bool {
	switch told.Kind {
	case "note":
		verifier, err := note.NewVerifier(told.Key)
		return opened(told.Note, verifier, err)
	case "cosignature":
		verifier, err := cosignature.NewVerifierForCosignatureV1(told.Key)
		return opened(told.Note, verifier, err)
	case "proof":
		return proved(told)
	case "tree":
		var path tlog.TreeProof
		for _, each := range told.Path {
			path = append(path, digest(each))
		}
		return tlog.CheckTree(path, told.Size, digest(told.Root), told.First, digest(told.Before)) == nil
	case "tiles":
		return tiled(told)
	}
	return false
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var told claim
		if err := json.Unmarshal(lines.Bytes(), &told); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		fmt.Println(judge(told))
	}
}
